"""Runs of scorefly that start in milliseconds: one process imports everything, and forks for each run.

A run has its own working folder, environment, standard streams, process group and exit status, as a process that was
started for it. What such a process does before `main` is not run again: tests of start-up use real processes.

All workers of pytest share one server (`forking.py`): its socket is in SCOREFLY_TEST_FORK_SERVER. A run whose client
ends is killed.
"""

from __future__ import annotations

import atexit
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOCKET, PORT = "SCOREFLY_TEST_FORK_SERVER", "SCOREFLY_TEST_FORK_SERVER_PORT"
_SERVER = Path(__file__).with_name("forking.py")
_PROGRAMS = {
    "cli": ("-m", "scorefly"),
    "action": (str(Path(__file__).parents[1] / "entrypoint.py"),),
    "flyctl": (str(Path(__file__).with_name("flyctl_standin.py")),),
    "listener": (str(Path(__file__).with_name("listen_standin.py")),),
}


@dataclass(frozen=True)
class Ended:
    """A run that ended: its exit status (negative: the signal that ended it) and what it wrote."""

    code: int
    out: str
    err: str


class Process:
    """A run, with what tests need of `subprocess.Popen`."""

    def __init__(self, server: socket.socket, arguments: Sequence[str]) -> None:
        self.args, self.returncode = arguments, None  # type: tuple[Sequence[str], int | None]
        self._server, self._answer = server, b""
        self.pid = int(self._line())

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Returns its exit status, or raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            self._server.settimeout(timeout)
            try:
                self.returncode = os.waitstatus_to_exitcode(int(self._line()))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(list(self.args), timeout or 0) from None
            self._server.close()
        return self.returncode

    def poll(self) -> int | None:
        """Return its exit status if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill its process group."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def _line(self) -> bytes:
        while b"\n" not in self._answer:
            part = self._server.recv(64)
            if not part:
                raise ConnectionError("the fork server ended")
            self._answer += part
        line, _, self._answer = self._answer.partition(b"\n")
        return line


def run(
    program: str,
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    timeout: float = 120,
    on_start: Callable[[int], None] | None = None,
) -> Ended:
    """Run `scorefly` (program `cli`) or the Action's entry point (`action`), as a child of the fork server.

    `on_start` gets the id of the process.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = start(program, arguments, cwd=cwd, environment=environment, out=out.fileno(), err=err.fileno())
        if on_start:
            on_start(process.pid)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        out.seek(0)
        err.seek(0)
        return Ended(code, out.read().decode(errors="replace"), err.read().decode(errors="replace"))


def start(
    program: str, arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], out: int, err: int
) -> Process:
    """Start a run whose output goes to two open files."""
    variables = [f"{name}={value}" for name, value in environment.items()]
    fields = [program, str(cwd), str(len(arguments)), *arguments, *variables]
    content = b"\0".join(map(os.fsencode, fields))
    server = socket.socket(socket.AF_UNIX)
    server.connect(socket_path())
    socket.send_fds(server, [b"%08d" % len(content)], [out, err])
    server.sendall(content)
    return Process(server, [program, *arguments])


def command(program: str) -> tuple[str, ...]:
    """Return the command line that starts a program: through the fork server, unless each process is traced."""
    if traced(os.environ):
        return (sys.executable, *_PROGRAMS[program])
    return (sys.executable, "-IS", str(Path(__file__).with_name("fork_client.py")), socket_path(), program)


def script(program: str) -> str:
    """Return a shell script that runs a program with its own arguments; on Linux without starting an interpreter."""
    if sys.platform != "linux" or traced(os.environ):
        return f'exec {shlex.join(command(program))} "$@"\n'
    socket_path()
    # While printf writes, standard output is the connection: the streams that the run gets have numbers of their own.
    connect = f"exec 3<>/dev/tcp/127.0.0.1/{os.environ[PORT]} 4>&1 5>&2"
    ask = f"{connect}; printf '%s\\n' \"$$ {program}\" >&3"
    return f'{ask}; read -r code <&3; exit "${{code:-1}}"\n'


def traced(environment: Mapping[str, str]) -> bool:
    """Whether coverage is measured, which begins when a process starts."""
    return any(name.startswith("COVERAGE") for name in environment)


@cache
def socket_path() -> str:
    """Start the fork server, unless this process was started with one. Returns the path of its socket."""
    if SOCKET in os.environ:
        return os.environ[SOCKET]
    folder = tempfile.mkdtemp(prefix="scorefly-tests-")
    path = f"{folder}/socket"
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    with socket.socket(socket.AF_UNIX) as listener, socket.create_server(("127.0.0.1", 0), backlog=64) as scripts:
        listener.bind(path)
        listener.listen(64)
        numbers = [listener.fileno(), scripts.fileno()]
        process = subprocess.Popen(
            [sys.executable, str(_SERVER), *map(str, numbers)],
            env=kept,
            stdin=subprocess.DEVNULL,
            pass_fds=numbers,
            start_new_session=True,
        )
        os.environ.update({SOCKET: path, PORT: str(scripts.getsockname()[1])})

    def end() -> None:
        process.kill()
        process.wait()
        Path(path).unlink(missing_ok=True)
        Path(folder).rmdir()

    atexit.register(end)
    return path
