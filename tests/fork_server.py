"""Runs of scorefly that start in milliseconds: one process imports everything, and forks for each run.

A run has its own working folder, environment, standard streams, process group and exit status, as a process that was
started for it. What such a process does before `main` is not run again: tests of start-up use real processes.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn

_READY = b"ready\n"


@dataclass(frozen=True)
class Ended:
    """A run that ended: its exit status (negative: the signal that ended it) and what it wrote."""

    code: int
    out: str
    err: str


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
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, socket.socket(socket.AF_UNIX) as server:
        server.settimeout(timeout)
        server.connect(socket_path())
        request = {"program": program, "arguments": list(arguments), "cwd": str(cwd), "environment": dict(environment)}
        socket.send_fds(server, [json.dumps(request).encode() + b"\n"], [out.fileno(), err.fileno()])
        answer = server.makefile("rb")
        process = int(answer.readline())
        if on_start:
            on_start(process)
        try:
            status = int(answer.readline())
        except TimeoutError:
            os.killpg(process, signal.SIGKILL)
            raise subprocess.TimeoutExpired([program, *arguments], timeout) from None
        out.seek(0)
        err.seek(0)
        code = os.waitstatus_to_exitcode(status)
        return Ended(code, out.read().decode(errors="replace"), err.read().decode(errors="replace"))


@cache
def socket_path() -> str:
    """Start this process's fork server. Returns the path of its socket."""
    folder = tempfile.mkdtemp(prefix="scorefly-tests-")
    path = f"{folder}/socket"
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, __file__, path],
        env=kept,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == _READY

    def end() -> None:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
        Path(path).unlink(missing_ok=True)
        Path(folder).rmdir()

    atexit.register(end)
    return path


def _serve(path: str) -> None:
    """Accept runs until this process is ended; returns in the process of each run, which then ends as any other."""
    _import_everything()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        os.write(1, _READY)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _handle(connection)
                return
            connection.close()


def _handle(connection: socket.socket) -> None:
    """Fork the run, wait for it, and answer with its process id and its status. Returns in the run's process."""
    content, streams = b"", list[int]()
    while not content.endswith(b"\n"):
        part, passed, _, _ = socket.recv_fds(connection, 1 << 16, 2)
        if not part:
            os._exit(0)
        content += part
        streams += passed
    process = os.fork()
    if process:
        for stream in streams:
            os.close(stream)
        connection.sendall(f"{process}\n".encode())
        _, status = os.waitpid(process, 0)
        # Whoever waited may have been killed.
        with suppress(BrokenPipeError):
            connection.sendall(f"{status}\n".encode())
        os._exit(0)
    connection.close()
    os.setpgid(0, 0)
    _become(json.loads(content), streams)


def _become(request: dict[str, object], streams: list[int]) -> None:
    """Take over the run's streams, folder, environment and arguments."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (streams[0], 1), (streams[1], 2)):
        os.dup2(source, target)
        os.close(source)
    os.chdir(str(request["cwd"]))
    os.environ.clear()
    environment, arguments = request["environment"], request["arguments"]
    assert isinstance(environment, dict)
    assert isinstance(arguments, list)
    os.environ.update(environment)
    tempfile.tempdir = None
    sys.argv = [f"scorefly-{request['program']}", *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _import_everything() -> None:
    import importlib
    import pkgutil

    import scorefly

    for module in pkgutil.walk_packages(scorefly.__path__, "scorefly."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in (
        "actions_toolkit.core", "click.testing", "cryptography.fernet", "http.client", "jinja2.sandbox", "jsonschema",
        "requests.adapters", "tempfile", "tomli_w", "tomllib", "yaml",
    ):  # fmt: skip
        importlib.import_module(name)


def _run() -> None:
    if sys.argv[0].endswith("-action"):
        from scorefly.action import run as run_action

        run_action()
    if sys.argv[0].endswith("-flyctl"):
        from flyctl_standin import main as run_flyctl

        sys.exit(run_flyctl())
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
    _serve(sys.argv[1])
    try:
        _run()
    except SystemExit as ended:
        _end(ended.code)
    except BaseException:  # noqa: BLE001 - as the interpreter does at the top
        traceback.print_exc()
        _end(1)
    _end(0)
