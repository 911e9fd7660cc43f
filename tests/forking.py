"""The fork server's process: `forking.py SOCKET SOCKET`, file descriptors to accept programs and scripts on."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import pickle
import re
import selectors
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

_SAMPLE = """\
apiVersion: score.dev/v1b1
metadata: {name: web}
containers: {main: {image: nginx, variables: {CACHE: "${resources.cache.host}"}}}
service: {ports: {web: {port: 80}}}
resources: {cache: {type: redis}}
"""


class _Server:
    """Forks for each client, and tells it the process id and then the status; for a script, its exit status only."""

    def __init__(self, listener: socket.socket, scripts: socket.socket) -> None:
        self._listener, self._scripts = listener, scripts
        self._runs: dict[int, socket.socket] = {}
        self._woken, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno())
        self._selector = selectors.DefaultSelector()
        for each in (listener, scripts):
            self._selector.register(each, selectors.EVENT_READ, 0)
        self._selector.register(self._woken, selectors.EVENT_READ, -1)

    def serve(self) -> None:
        """Accept runs until this process is ended; returns in the process of each run."""
        while True:
            for key, _ in self._selector.select():
                if key.data < 0:
                    self._report()
                elif key.data:
                    self._end(key.data)
                elif self._accept(key.fileobj):
                    return

    def _accept(self, listener: object) -> bool:
        """Fork for a client. Returns whether this is the run's process."""
        connection, _ = self._scripts.accept() if listener is self._scripts else self._listener.accept()
        request = _receive_script(connection) if listener is self._scripts else _receive(connection)
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
        self._runs[process] = connection
        self._selector.register(connection, selectors.EVENT_READ, process)
        if listener is self._listener:
            _send(connection, process)
        return False

    def _close(self) -> None:
        """Close what only the server needs."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for each in (self._listener, self._scripts, self._woken, self._wake, *self._runs.values()):
            each.close()

    def _report(self) -> None:
        """Report the end of each run that has ended."""
        self._woken.recv(4096)
        while self._runs:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                return
            connection = self._runs.pop(process)
            code = os.waitstatus_to_exitcode(status)
            _send(connection, status if connection.family == socket.AF_UNIX else code if code >= 0 else 128 - code)
            with suppress(KeyError):
                self._selector.unregister(connection)
            connection.close()

    def _end(self, process: int) -> None:
        """End a run whose client has gone."""
        if process in self._runs:
            self._selector.unregister(self._runs[process])
            with suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)


def _receive(connection: socket.socket) -> tuple[bytes, list[int]] | None:
    """Read a request: eight digits with the streams, then as many bytes."""
    head, streams, _, _ = socket.recv_fds(connection, 8, 2)
    if not head:
        return None
    with connection.makefile("rb") as reader:
        return reader.read(int(head)), streams


def _receive_script(connection: socket.socket) -> tuple[bytes, list[int]] | None:
    """Read a line with a process id and a program; what else there is to know is read of the process."""
    with connection.makefile("rb") as reader:
        process, _, program = reader.readline().strip().partition(b" ")
    folder = Path(f"/proc/{process.decode()}")
    try:
        arguments = (folder / "cmdline").read_bytes().split(b"\0")[2:-1]
        variables = (folder / "environ").read_bytes().split(b"\0")[:-1]
        cwd = os.fsencode((folder / "cwd").readlink())
        streams = [_open(folder / "fd" / number) for number in ("4", "5")]
    except OSError:
        return None
    return b"\0".join([program, cwd, b"%d" % len(arguments), *arguments, *variables]), streams


def _open(path: Path) -> int:
    """Open a stream that `fork_server.script` numbered; a pipe whose reader is gone is replaced by nothing."""
    try:
        stream = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return os.open(os.devnull, os.O_WRONLY)
    os.set_blocking(stream, True)
    return stream


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
    _Server(*(socket.socket(fileno=int(number)) for number in sys.argv[1:])).serve()
    try:
        _run()
    except SystemExit as ended:
        _end(ended.code)
    except BaseException:  # noqa: BLE001 - as the interpreter does at the top
        traceback.print_exc()
        _end(1)
    _end(0)
