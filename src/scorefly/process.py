"""Child processes: every program is started, read, bounded and ended here.

A program gets a session, an environment and pipes of its own. It is read while it lives, and its process group is
killed when it has ended, so nothing that it leaves behind can hold us up or write to our standard output.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from scorefly import interruption

GRACE = 4.0  # seconds a program gets to end by itself once it is asked to
MAX_LINE = 1 << 16  # bytes
MAX_LINES = 50_000
_CHUNK = 1 << 16
_PIPE = 1 << 20  # bytes that a pipe can hold at most
_SET_DUMPABLE, _SET_CHILD_SUBREAPER = 4, 36  # <linux/prctl.h>

# What libraries read of the process's own environment. Everything else is in our copy of it only.
_KEPT = re.compile(
    r"PATH|HOME|USER|USERNAME|LOGNAME|LNAME|LANG|LANGUAGE|LC_\w+|TZ|TZDIR|TMPDIR|TEMP|TMP|TERM|COLUMNS|LINES|NO_COLOR"
    r"|FORCE_COLOR|(?:HTTPS?|ALL|NO)_PROXY|(?:https?|all|no)_proxy|(?:REQUESTS|CURL)_CA_BUNDLE|SSL_CERT_(?:FILE|DIR)"
    r"|OPENSSL_\w+|PYTHON\w+|COV\w+|LD_LIBRARY_PATH|_SCOREFLY_COMPLETE|COMP_\w+"
)

_running: set[int] = set()
_starting = threading.Lock()
_protected = False


class Sink(Protocol):
    """A reader of a program's output."""

    def feed(self, chunk: bytes) -> bool:
        """Take some bytes. False means that there are too many, which ends the program."""
        ...


@dataclass(slots=True)
class Buffer:
    """Output as bytes, up to a limit. Where `strict` is set, more than that ends the program."""

    limit: int
    strict: bool = True
    content: bytearray = field(default_factory=bytearray)
    cut: bool = False

    def feed(self, chunk: bytes) -> bool:
        """Take some bytes."""
        free = self.limit - len(self.content)
        self.content += chunk[:free]
        self.cut = self.cut or len(chunk) > free
        return not (self.cut and self.strict)


@dataclass(slots=True)
class Lines:
    """Output as lines, each given to `on_line` as it comes. Lines that are too long or too many are left out."""

    on_line: Callable[[str], None]
    _rest: bytearray = field(default_factory=bytearray)
    _long: bool = False
    _count: int = 0

    def feed(self, chunk: bytes) -> bool:
        """Take some bytes."""
        *whole, rest = re.split(rb"[\r\n]", chunk)
        for line in whole:
            self._add(line)
            self.end_line()
        self._add(rest)
        return True

    def end_line(self) -> None:
        """Give away the line that is under way; an empty one is the middle of a CR LF, or nothing."""
        text, long = self._rest.decode("utf-8", "replace"), self._long
        self._rest.clear()
        self._long = False
        if not (text or long):
            return
        self._count += 1
        if self._count <= MAX_LINES:
            self.on_line(f"(a line of more than {MAX_LINE >> 10} KiB)" if long else text)
        elif self._count == MAX_LINES + 1:
            self.on_line("… and more")

    def _add(self, part: bytes) -> None:
        if self._long or len(self._rest) + len(part) > MAX_LINE:
            self._rest.clear()
            self._long = True
        else:
            self._rest += part


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended: its exit status, negative for a signal, and why we ended it, if we did."""

    code: int
    reason: Literal["", "late", "stopped", "full"] = ""


def run(
    argv: Sequence[str],
    *,
    folder: Path | None,
    environ: Mapping[str, str],
    seconds: float,
    output: Sink,
    errors: Sink | None = None,
    question: bytes = b"",
    stop: Callable[[], bool] = interruption.requested,
    ask: int = signal.SIGTERM,
    grace: float = GRACE,
    sweep: bool = False,
) -> Ended:
    """Run a program to its end: its own, or ours after `seconds`, after too much output, or when `stop` says so.

    Ours begins with the signal `ask` to its process group, and SIGKILL follows after `grace` seconds. Without `errors`
    standard error goes to `output`. `sweep` ends also descendants that left the process group. Raises OSError and
    ValueError when the program cannot be started.
    """
    _protect()
    with _starting:
        before = _children() if sweep else set()
        process = subprocess.Popen(
            list(argv),
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.PIPE if question else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if errors is None else subprocess.PIPE,
            start_new_session=True,
        )
        _running.add(process.pid)
    child = _Child(process, question, {"output": output, "errors": errors or output}, stop, ask, grace, seconds)
    try:
        return child.run()
    finally:
        child.close()
        with _starting:
            _running.discard(process.pid)
        if sweep:
            _sweep(before)


class _Child:
    """One program that runs."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        question: bytes,
        sinks: Mapping[str, Sink],
        stop: Callable[[], bool],
        ask: int,
        grace: float,
        seconds: float,
    ) -> None:
        self._process, self._question, self._sinks = process, question, sinks
        self._stop, self._ask, self._grace = stop, ask, grace
        self._deadline = time.monotonic() + seconds
        self._kill_at = float("inf")
        self._reason: Literal["", "late", "stopped", "full"] = ""
        self._full = False
        self._selector = selectors.DefaultSelector()
        self._pidfd = -1
        for name, pipe in (("output", process.stdout), ("errors", process.stderr)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._selector.register(pipe, selectors.EVENT_READ, name)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            self._selector.register(process.stdin, selectors.EVENT_WRITE, "question")
        if hasattr(os, "pidfd_open"):
            # Where the system has none, the program's end is noticed a little later.
            with suppress(OSError):
                self._pidfd = os.pidfd_open(process.pid)
                self._selector.register(self._pidfd, selectors.EVENT_READ, "end")

    def run(self) -> Ended:
        """Move bytes until the program has ended."""
        while not self._has_ended():
            now = time.monotonic()
            if self._reason:
                if now >= self._kill_at + 1.0:
                    break
                if now >= self._kill_at:
                    self._signal(signal.SIGKILL)
            elif self._why():
                self._signal(self._ask)
                self._kill_at = now + min(self._grace, max(interruption.remaining(), 0.0))
            self._move(interruption.WAKE if self._pidfd >= 0 else interruption.WAKE / 10)
        self._signal(signal.SIGKILL)
        self._drain()
        for sink in self._sinks.values():
            if isinstance(sink, Lines):
                sink.end_line()
        code = self._process.wait() if self._has_ended() else -signal.SIGKILL
        return Ended(code, self._reason)

    def close(self) -> None:
        """End what is left of its process group, and let go of the pipes."""
        if self._process.returncode is None:
            self._signal(signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                # What it never read of its question stays in the buffer of a pipe that is broken.
                with suppress(OSError):
                    pipe.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)

    def _why(self) -> bool:
        if self._full:
            self._reason = "full"
        elif self._stop():
            self._reason = "stopped"
        elif time.monotonic() >= self._deadline or interruption.remaining(interruption.SHUTDOWN - 0.5) <= 0:
            self._reason = "late"
        return bool(self._reason)

    def _has_ended(self) -> bool:
        """Whether it has ended. Its number stays its own, and its group's, until it is waited for."""
        if self._process.returncode is not None:
            return True
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True  # the system reaps by itself where SIGCHLD is ignored

    def _move(self, patience: float) -> int:
        """Move what can be moved. Returns how many bytes were read."""
        read = 0
        for key, _ in self._selector.select(patience):
            if key.data == "question":
                self._write(key.fd)
            elif key.data != "end":
                chunk = os.read(key.fd, _CHUNK)
                read += len(chunk)
                if not chunk:
                    self._selector.unregister(key.fileobj)
                elif not self._sinks[key.data].feed(chunk):
                    self._full = True
        return read

    def _drain(self) -> None:
        """Read what it still left in its pipes, and not what descendants go on writing there."""
        left = 2 * _PIPE
        while left > 0 and (read := self._move(0)):
            left -= read

    def _write(self, descriptor: int) -> None:
        written = len(self._question)
        # A program that does not read its question, because it needs none, is fine.
        with suppress(BrokenPipeError):
            written = os.write(descriptor, self._question[:_CHUNK])
        self._question = self._question[written:]
        if not self._question and self._process.stdin:
            self._selector.unregister(self._process.stdin)
            self._process.stdin.close()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def take_environment() -> dict[str, str]:
    """Return a copy of the environment, and keep of the process's own only what libraries read.

    Values are overwritten where they are, so `/proc/<pid>/environ` does not show them either.
    """
    copy = dict(os.environ)
    forgotten = [name for name in copy if not _KEPT.fullmatch(name)]
    if forgotten and os.name == "posix":
        import ctypes

        libc = ctypes.CDLL(None)
        libc.getenv.restype = ctypes.c_void_p
        for name in forgotten:
            if address := libc.getenv(os.fsencode(name)):
                ctypes.memset(address, 0, len(os.fsencode(copy[name])))
    for name in forgotten:
        os.environ.pop(name, None)
    return copy


def _protect() -> None:
    """Keep our memory, environment and open files from programs of the same user, and adopt orphans of children.

    Only a process with CAP_SYS_PTRACE can read them then; root in a container with default capabilities cannot.
    """
    global _protected  # noqa: PLW0603 - a property of the process
    if _protected or sys.platform != "linux":
        return
    import ctypes

    libc = ctypes.CDLL(None)
    libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _protected = True


def _children() -> set[int]:
    """The processes whose parent we are; empty where the system does not tell."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            found.update(int(pid) for pid in path.read_text(encoding="ascii").split())
    return found


def _sweep(before: set[int]) -> None:
    """Kill the orphans that a program left us in sessions of their own, for a second at most."""
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        with _starting:
            strays = _children() - before - _running
        if not strays:
            return
        for pid in strays:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.002)


def _kill_all() -> None:
    for pid in tuple(_running):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


interruption.at_deadline.append(_kill_all)
