"""A run that is told to end: flyctl is told too, state is kept, the next run converges."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scorefly.rehearsal.server import Rehearsal
from workspaces import HEARING, Workspace


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_deploy_that_is_told_to_end(workspace: Workspace, tmp_path: Path, number: int, code: int) -> None:
    workspace.workload("web", "resources: {cache: {type: redis}}\n")
    started, ended = tmp_path / "started", tmp_path / "ended"
    os.mkfifo(started)
    flyctl = tmp_path / "bin" / "flyctl"
    flyctl.parent.mkdir()
    flyctl.write_text(
        f"#!{sys.executable}\n"
        "import signal, sys\n"
        "if sys.argv[1] == 'version': sys.exit()\n"
        "if sys.argv[1] == 'secrets': sys.exit()\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
        f"open({str(started)!r}, 'w').close()\n"
        "signal.sigwait({signal.SIGINT})\n"
        f"open({str(ended)!r}, 'w').close()\n"
        "sys.exit(127)\n"
    )
    flyctl.chmod(0o755)
    with Rehearsal(None) as fly:
        environment = {
            "PATH": f"{flyctl.parent}:{os.environ['PATH']}",
            "FLY_API_TOKEN": "fo1_token",
            "FLY_FLAPS_BASE_URL": fly.url,
        }
        command = [sys.executable, "-m", "scorefly", "deploy"]
        process = subprocess.Popen(
            [*HEARING, *command], cwd=workspace.path, env=environment, stderr=subprocess.PIPE, text=True
        )
        started.open().close()
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        assert "run it again: it converges" in err
        assert "Traceback" not in err
        assert ended.exists()
        password = fly.received_secrets("web-cache")["REDIS_PASSWORD"]
    assert not list(workspace.path.rglob("*-lock"))
    kept = workspace.run("resources", "outputs", "redis.default#web.cache", "--reveal").out
    assert password in kept


def test_debug_shows_where_a_problem_came_from(workspace: Workspace) -> None:
    workspace.workload("web", "    nope: 1\n")
    assert "Traceback" not in workspace.run("validate").err
    result = workspace.run("--debug", "validate")
    assert (result.code, "Traceback" in result.err) == (2, True)


def test_build_secrets_never_reach_a_command_line(workspace: Workspace) -> None:
    workspace.workload("web")
    result = workspace.run("deploy", "--build-secrets", "A=hidden-value", FLY_API_TOKEN="x")
    assert result.code == 2
    assert "flyctl takes build secrets on its command line only" in result.err
    assert "hidden-value" not in result.err
