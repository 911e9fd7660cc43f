"""`cmd://`: a program that is given a question on standard input and answers on standard output."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from scorefly.problems import SHORTENED, InputError, Problem, wrong
from scorefly.resources.calls import Call
from scorefly.resources.protocol import MAX_ANSWER
from scorefly.values import Text, reveal_text

MODE = "SCORE_PROVISIONER_MODE"
GRACE = 5.0  # seconds a program gets to end by itself once it is told to: a runner that cancels waits 7.5 s
WAKE = 0.2  # seconds
MAX_TOLD = 1 << 16  # bytes of standard error that are shown

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", *_PROXIES)


def child_environment(environ: Mapping[str, str], texts: Mapping[str, Text], mode: str) -> dict[str, str]:
    """All that a program sees of our environment: no token, no input, nothing of GitHub's."""
    passed = {name: environ[name] for name in _PASSED if environ.get(name)}
    return {**passed, **{name: reveal_text(text) for name, text in texts.items()}, MODE: mode}


@dataclass(frozen=True, slots=True)
class Command:
    """A program of `PATH`, or a path that is absolute, below `~`, or relative to the workspace."""

    program: str
    args: tuple[str, ...] = ()

    def send(self, call: Call) -> None:
        """Runs the program in the workspace, in a process group of its own, which is ended whole."""
        argv = [self._path(call), *(argument.replace(f"${MODE}", call.mode) for argument in self.args)]
        environ = child_environment(call.outside.environ, call.texts, call.mode)
        try:
            process = subprocess.Popen(
                argv,
                cwd=call.outside.workspace,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise call.failed(f"it cannot be started: {getattr(error, 'strerror', None) or error}") from error
        conversation = _Conversation(process, call.question)
        with call.output() as write:
            try:
                with process:
                    failure = conversation.run(call.timeout)
            finally:
                # The answer first: what it said may hold the secrets that it gives.
                call.heard(bytes(conversation.answer))
                for line in conversation.lines():
                    write(line)
            if failure or process.returncode:
                raise call.failed(failure or _ending(process.returncode))
            call.check()

    def _path(self, call: Call) -> str:
        environ, program = call.outside.environ, self.program
        if "/" not in program:
            found = shutil.which(program, path=environ.get("PATH", os.defpath))
        else:
            if program.startswith("~/"):
                program = environ.get("HOME", "~") + program[1:]
            path = Path(call.outside.workspace, program)
            found = str(path) if path.is_file() and os.access(path, os.X_OK) else None
        if found is None:
            where = "on PATH" if "/" not in program else "at that path, or it may not be executed"
            hint = "install it, or mend the uri; a path is relative to the workspace"
            raise InputError(Problem(f"there is no program {self.program!r} {where}", hint, call.place))
        return found


def _ending(code: int) -> str:
    return f"it ended with status {code}" if code > 0 else f"it ended by signal {-code}"


def program_of(uri: str) -> str:
    """The program a `cmd://` uri names: `cmd://python3#anything`, `cmd://./a/b`, `cmd://~/b`, `cmd:///usr/bin/b`.

    Source: score-compose's cmd provisioners, whose files work here. Raises InputError without a place.
    """
    program = uri.removeprefix("cmd://").partition("#")[0]
    first, slash, _ = program.partition("/")
    if not program or program.endswith("/"):
        raise wrong(f"{uri} names no program", "for example cmd://python3, or cmd://./scripts/provision.py")
    if slash and first not in ("", ".", "..", "~"):
        raise wrong(f"{uri} is neither a program of PATH nor a path", f"write cmd://./{program}")
    return program


@dataclass(slots=True)
class _Conversation:
    """Writes the question, and reads answer and messages within limits, without ever waiting on one for the other."""

    process: subprocess.Popen[bytes]
    question: bytes
    answer: bytearray = field(default_factory=bytearray)
    told: bytearray = field(default_factory=bytearray)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def run(self, timeout: float) -> str:
        """Waits until the program has ended. Returns why it was ended before that; empty when it ended by itself."""
        deadline = time.monotonic() + timeout
        failure = ""
        with self.selector:
            self._open()
            try:
                while not self._ended(WAKE):
                    if len(self.answer) > MAX_ANSWER:
                        failure = f"it wrote more than {MAX_ANSWER >> 20} MiB"
                    elif time.monotonic() >= deadline:
                        failure = f"it did not end within {timeout:.0f} s"
                    if failure:
                        self._end()
                        break
            except BaseException:
                self._end()
                raise
            finally:
                if self.process.poll() is None:
                    _signal(self.process, signal.SIGKILL)
        return failure

    def lines(self) -> list[str]:
        """What it wrote on standard error, as far as that is shown."""
        lines = bytes(self.told[:MAX_TOLD]).decode("utf-8", "replace").splitlines()
        if len(self.told) <= MAX_TOLD:
            return lines
        *whole, last = lines or [""]
        return [*whole, f"{last}{SHORTENED}", f"{SHORTENED} and more"]

    def _open(self) -> None:
        process = self.process
        for pipe, event in (
            (process.stdin, selectors.EVENT_WRITE),
            (process.stdout, selectors.EVENT_READ),
            (process.stderr, selectors.EVENT_READ),
        ):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self.selector.register(pipe, event)

    def _ended(self, patience: float) -> bool:
        """Moves what can be moved. A program that has ended is done, whoever else still holds its pipes."""
        if not self.selector.get_map():
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
            return self.process.returncode is not None
        ended = self.process.poll() is not None
        ready = self.selector.select(0 if ended else patience)
        for key, _ in ready:
            if key.fileobj is self.process.stdin:
                self._write(key.fd)
            else:
                self._read(key, self.answer if key.fileobj is self.process.stdout else self.told)
        return ended and not any(key.fileobj is not self.process.stdin for key, _ in ready)

    def _write(self, descriptor: int) -> None:
        written = len(self.question)
        # One that does not read its question, for it needs none, is fine.
        with suppress(BrokenPipeError):
            written = os.write(descriptor, self.question[: 1 << 16])
        self.question = self.question[written:]
        if not self.question and self.process.stdin:
            self.selector.unregister(self.process.stdin)
            self.process.stdin.close()

    def _read(self, key: selectors.SelectorKey, into: bytearray) -> None:
        chunk = os.read(key.fd, 1 << 16)
        if not chunk:
            self.selector.unregister(key.fileobj)
        elif into is self.answer or len(into) <= MAX_TOLD:
            into += chunk

    def _end(self) -> None:
        """Tells the program to end, hears what it still says, and insists."""
        _signal(self.process, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        try:
            while time.monotonic() < deadline and len(self.answer) <= MAX_ANSWER:
                if self._ended(WAKE):
                    break
        finally:
            _signal(self.process, signal.SIGKILL)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
