"""Runs of scorefly that start in milliseconds: one process imports everything, and forks for each run.

A run has its own working folder, environment, standard streams, process group and exit status, as a process that was
started for it. What such a process does before `main` is not run again: tests of start-up use real processes.

All workers of pytest share one server: its socket is in SCOREFLY_TEST_FORK_SERVER. A run whose client ends is killed.
"""

from __future__ import annotations

import atexit
import gc
import os
import pickle
import re
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn

SOCKET = "SCOREFLY_TEST_FORK_SERVER"
_PROGRAMS = {
    "cli": ("-m", "scorefly"),
    "action": (str(Path(__file__).parents[1] / "entrypoint.py"),),
    "flyctl": (str(Path(__file__).with_name("flyctl_standin.py")),),
    "listener": (str(Path(__file__).with_name("listen_standin.py")),),
}
_SAMPLE = """\
apiVersion: score.dev/v1b1
metadata: {name: web}
containers: {main: {image: nginx, variables: {CACHE: "${resources.cache.host}"}}}
service: {ports: {web: {port: 80}}}
resources: {cache: {type: redis}}
"""


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
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        process = subprocess.Popen(
            [sys.executable, __file__, str(listener.fileno())],
            env=kept,
            stdin=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
    os.environ[SOCKET] = path

    def end() -> None:
        process.kill()
        process.wait()
        Path(path).unlink(missing_ok=True)
        Path(folder).rmdir()

    atexit.register(end)
    return path


class _Server:
    """Forks for each client, and tells it the process id and then the status."""

    def __init__(self, listener: socket.socket) -> None:
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, None)
        self._listener = listener
        self._runs: dict[int, tuple[socket.socket, int]] = {}

    def serve(self) -> None:
        """Accept runs until this process is ended; returns in the process of each run."""
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    if self._accept():
                        return
                elif key.data in self._runs:
                    self._attend(key.data, ended=not isinstance(key.fileobj, socket.socket))

    def _accept(self) -> bool:
        """Fork for a client. Returns whether this is the run's process."""
        connection, _ = self._listener.accept()
        request = _receive(connection)
        if request is None:
            connection.close()
            return False
        content, streams = request
        process = os.fork()
        if not process:
            os.setpgid(0, 0)
            connection.close()
            self._close()
            _become(content, streams)
            return True
        with suppress(PermissionError, ProcessLookupError):
            os.setpgid(process, process)
        for stream in streams:
            os.close(stream)
        watch = os.pidfd_open(process)
        self._runs[process] = connection, watch
        self._selector.register(watch, selectors.EVENT_READ, process)
        self._selector.register(connection, selectors.EVENT_READ, process)
        _send(connection, process)
        return False

    def _close(self) -> None:
        """Close what only the server needs."""
        self._selector.close()
        self._listener.close()
        for connection, watch in self._runs.values():
            connection.close()
            os.close(watch)

    def _attend(self, process: int, *, ended: bool) -> None:
        """Report the end of a run, or end it because its client has gone."""
        connection, watch = self._runs[process]
        if not ended:
            self._selector.unregister(connection)
            with suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
            return
        _, status = os.waitpid(process, 0)
        _send(connection, status)
        del self._runs[process]
        self._selector.unregister(watch)
        os.close(watch)
        with suppress(KeyError):
            self._selector.unregister(connection)
        connection.close()


def _receive(connection: socket.socket) -> tuple[bytes, list[int]] | None:
    """Read a request: eight digits with the streams, then as many bytes."""
    head, streams, _, _ = socket.recv_fds(connection, 8, 2)
    if not head:
        return None
    with connection.makefile("rb") as reader:
        return reader.read(int(head)), streams


def _send(connection: socket.socket, number: int) -> None:
    # Whoever waits may have been killed.
    with suppress(OSError):
        connection.sendall(b"%d\n" % number)


def _become(content: bytes, streams: list[int]) -> None:
    """Take over the run's streams, folder, environment and arguments."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (streams[0], 1), (streams[1], 2)):
        os.dup2(source, target)
        os.close(source)
    program, cwd, count, *rest = map(os.fsdecode, content.split(b"\0"))
    arguments, variables = rest[: int(count)], rest[int(count) :]
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update({name: value for name, _, value in (variable.partition("=") for variable in variables)})
    tempfile.tempdir = None
    sys.argv = [program, *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _import_everything() -> None:
    import importlib
    import pkgutil

    import scorefly

    for module in pkgutil.walk_packages(scorefly.__path__, "scorefly."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in (
        "actions_toolkit.core", "click.testing", "cryptography.fernet", "ctypes", "encodings.unicode_escape",
        "encodings.utf_8_sig", "flyctl_standin", "http.client", "jinja2.sandbox", "jsonschema", "listen_standin",
        "requests.adapters", "scorefly.__main__", "tempfile", "tomli_w", "tomllib", "yaml",
    ):  # fmt: skip
        importlib.import_module(name)


def _read_our_data() -> None:
    """Read, and compile, what each run would of the package's own files."""
    import yaml

    from scorefly.fly.sizes import presets
    from scorefly.resources.expressions import ExpressionError, compile_leaf
    from scorefly.resources.files import built_in_provisioners
    from scorefly.score.schema import fits_score, score_validator

    presets()
    fits_score({})
    score_validator()
    built_in_provisioners()
    for path in (Path(__file__).parents[1] / "scorefly/resources/builtin").glob("*.yaml"):
        for leaf in _leaves(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)):
            with suppress(ExpressionError):
                compile_leaf(leaf)


def _leaves(tree: object) -> Iterator[str]:
    """Every string in a document that may be a template."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list):
        for each in tree.values() if isinstance(tree, dict) else tree:
            yield from _leaves(each)


def _compile_patterns() -> None:
    """Compile the patterns that a run compiles, as one that is forked for it reports them."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            Path("score.yaml").write_text(_SAMPLE)
            sys.argv = ["cli", "deploy", "--rehearse"]
            with suppress(SystemExit):
                _run()
            os.chdir("/")
        os.write(writer, pickle.dumps([key[1:] for key in re._cache]))  # type: ignore[attr-defined]
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        for pattern, flags in pickle.load(file):
            re.compile(pattern, flags)
    os.wait()


def _run() -> None:
    program = sys.argv[0]
    if program == "action":
        from scorefly.action import run as run_action

        run_action()
    elif program == "flyctl":
        from flyctl_standin import main as run_flyctl

        sys.exit(run_flyctl())
    elif program == "listener":
        from listen_standin import main as run_listener

        sys.exit(run_listener())
    else:
        from scorefly.__main__ import main

        sys.argv[0] = "scorefly"
        main()


def _end(code: object) -> NoReturn:
    """End as the interpreter does, but for taking apart all that was imported, which takes longer than most runs."""
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    _import_everything()
    _read_our_data()
    _compile_patterns()
    gc.collect()
    gc.freeze()
    _Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    try:
        _run()
    except SystemExit as ended:
        _end(ended.code)
    except BaseException:  # noqa: BLE001 - as the interpreter does at the top
        traceback.print_exc()
        _end(1)
    _end(0)
