"""Child processes: every program is started, read, bounded and ended here.

A program gets a session, an environment and pipes of its own. It is read while it lives, and its process group is
killed when it has ended, so nothing that it leaves behind can hold us up or write to our standard output.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from msgspec import Struct

from scorefly import interruption, isolation
from scorefly.child_output import Lines, Sink

GRACE = 4.0  # seconds a program gets to end by itself once it is asked to
_CHUNK = 1 << 16
_PIPE = 1 << 20  # bytes that a pipe can hold at most


class Ended(Struct, frozen=True):
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
    untrusted: bool = False,
    extends: bool = False,
    on_start: Callable[[int], None] = lambda _pid: None,
) -> Ended:
    """Run a program to its end: its own, or ours after `seconds`, after too much output, or when `stop` says so.

    Ours begins with the signal `ask` to its process group, and SIGKILL follows after `grace` seconds. Without `errors`
    standard error goes to `output`. An `untrusted` program runs while no other does, or is stopped meanwhile; its
    descendants end with it, those that left the process group too. `on_start` gets its process id. With `extends`
    the seconds begin anew with each output. Raises OSError and ValueError when the program cannot be started.
    """
    isolation.protect()

    def popen() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(argv),
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.PIPE if question else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if errors is None else subprocess.PIPE,
            start_new_session=True,
        )

    process = isolation.start_untrusted(popen, stop) if untrusted else isolation.start(popen)
    if process is None:
        return Ended(-signal.SIGTERM, "stopped")
    sinks = {"output": output, "errors": errors or output}
    child = _Child(process, question, sinks, stop, ask, grace, seconds, extends)
    try:
        on_start(process.pid)
        return child.run()
    finally:
        child.close()
        if untrusted:
            isolation.sweep()
        isolation.finish(process.pid, untrusted=untrusted)


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
        extends: bool,
    ) -> None:
        self._process, self._question, self._sinks = process, question, sinks
        self._stop, self._ask, self._grace = stop, ask, grace
        self._seconds, self._extends = seconds, extends
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
        """Decide whether it has ended. Its number stays its own, and its group's, until it is waited for."""
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
                if chunk and self._extends:
                    self._deadline = time.monotonic() + self._seconds
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
