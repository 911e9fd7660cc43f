"""A run that is interrupted ends soon, wherever it is: signals are noted, and acted on where nothing is half done."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workspaces import HEARING, Workspace

SOON = 10.0  # seconds: GitHub's runner kills then


def start(workspace: Workspace, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*HEARING, sys.executable, "-m", "scorefly", *arguments],
        cwd=workspace.path,
        env={"PATH": os.environ["PATH"], "HOME": str(workspace.path), **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_until(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if words in line:
            return
    raise AssertionError("".join(said))


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_deploy_of_many_apps_ends_under_a_hail_of_signals(workspace: Workspace, first: signal.Signals) -> None:
    for number in range(40):
        workspace.workload(f"web-{number}")
    process = start(workspace, "deploy", "--rehearse", "--max-parallel", "8")
    read_until(process, "creating")
    begun = time.monotonic()
    process.send_signal(first)
    while process.poll() is None and time.monotonic() < begun + 60:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        os.sched_yield()
    _, err = process.communicate(timeout=60)
    # Of signals that arrive together the system delivers SIGINT first.
    assert process.returncode in (130, 128 + first), err
    assert "Traceback" not in err
    assert not list(workspace.path.rglob("*.lock"))


def test_waiting_for_a_lock_is_interrupted(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {cache: {type: redis}}\n")
    lock = workspace.write(".scorefly/state/local.state.scorefly-lock", "1")
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        process = start(workspace, "generate", "--lock-timeout", "10m")
        read_until(process, "waiting")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SOON)
    assert process.returncode == 130


def test_waiting_for_an_answer_is_interrupted(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web")
    flyctl = tmp_path / "bin" / "flyctl"
    flyctl.parent.mkdir()
    flyctl.write_text("#!/bin/sh\n")
    flyctl.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        path = f"{flyctl.parent}:{os.environ['PATH']}"
        process = start(workspace, "deploy", FLY_API_TOKEN="x", FLY_FLAPS_BASE_URL=url, PATH=path)
        connection, _ = server.accept()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=SOON)
        connection.close()
    assert process.returncode == 143, err


def test_a_question_at_the_terminal_is_interrupted(workspace: Workspace) -> None:
    workspace.workload("web")
    assert workspace.run("deploy", "--rehearse").code == 0
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [*HEARING, sys.executable, "-m", "scorefly", "destroy", "--rehearse"],
            cwd=workspace.path,
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        said = b""
        while b"?" not in said:
            said += os.read(process.stderr.fileno(), 1024)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SOON)
        assert process.returncode == 130
    finally:
        os.close(ours)
        os.close(theirs)
    assert "web" in workspace.world["apps"]


@pytest.mark.parametrize(
    ("answers", "code", "left"), [(b"local\n", 0, set()), (b"y\n", 1, {"web"}), (b"\n", 1, {"web"})]
)
def test_a_question_at_the_terminal_is_answered(
    workspace: Workspace, answers: bytes, code: int, left: set[str]
) -> None:
    workspace.workload("web")
    assert workspace.run("deploy", "--rehearse").code == 0
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answers)
        command = [sys.executable, "-m", "scorefly", "destroy", "--rehearse"]
        done = subprocess.run(command, cwd=workspace.path, stdin=theirs, capture_output=True, timeout=60, check=False)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (done.returncode, set(workspace.world["apps"])) == (code, left), done.stderr


STUCK = """
import signal, sys
from pathlib import Path
from scorefly import interruption, process
from scorefly.child_output import Lines
interruption.install()
child = "import os, signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN)\\n" \
    f"held = open({sys.argv[1]!r}, 'w')\\nprint(file=held, flush=True)\\nwhile True: signal.pause()"
def hang(line):
    while True:
        pass
process.run([sys.executable, "-c", child], folder=None, environ={}, seconds=600, output=Lines(hang),
            stop=lambda: False)
while True:
    pass
"""


def test_what_does_not_end_is_ended_with_its_programs_when_the_time_is_over(tmp_path: Path) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    process = subprocess.Popen([*HEARING, sys.executable, "-c", STUCK, str(started)], stderr=subprocess.PIPE, text=True)
    with started.open() as pipe:
        pipe.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=SOON + 5)
        assert (process.returncode, "not everything could be finished in time" in err) == (143, True)
        assert select.select([pipe], [], [], SOON)[0], "the program still has its end of the pipe open"
