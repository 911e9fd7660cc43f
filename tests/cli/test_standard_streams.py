"""Standard streams that are closed, full or no longer read, and a working folder that is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workspaces import REPOSITORY, Workspace

SCOREFLY = f"{sys.executable} -m scorefly"
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")


def shell(workspace: Workspace, script: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in the workspace."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(workspace.path), "PYTHONPATH": str(REPOSITORY)}
    command = ["bash", "-o", "pipefail", "-c", script]
    done = subprocess.run(
        command, cwd=workspace.path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert "fault" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_stop_a_deploy(workspace: Workspace, closed: str) -> None:
    workspace.workload("web")
    done = shell(workspace, f"{SCOREFLY} deploy --rehearse {closed}")
    assert done.returncode == 0, done.stderr
    assert list(workspace.world["apps"]) == ["web"]
    assert shell(workspace, f"{SCOREFLY} --version {closed}").returncode == 0


def test_nobody_can_be_asked_over_a_closed_standard_input(workspace: Workspace) -> None:
    workspace.workload("web")
    done = shell(workspace, f"{SCOREFLY} destroy --rehearse <&-")
    assert (done.returncode, "--yes: " in done.stderr) == (2, True)


def test_progress_that_nobody_reads_does_not_stop_a_deploy(workspace: Workspace) -> None:
    workspace.workload("web")
    done = shell(workspace, f"{{ {SCOREFLY} deploy --rehearse 2>&1 >&3 | true; }} 3>&1")
    assert (done.returncode, ": 1 created\n" in done.stdout) == (0, True)
    assert list(workspace.world["apps"]) == ["web"]


def test_outcome_that_nobody_reads_is_an_error_after_the_deploy(workspace: Workspace) -> None:
    workspace.workload("web")
    assert shell(workspace, f"{SCOREFLY} deploy --rehearse | true").returncode == 1
    assert list(workspace.world["apps"]) == ["web"]


@needs_full
def test_full_disk_is_a_problem_of_standard_output(workspace: Workspace) -> None:
    workspace.workload("web")
    for command in ("deploy --rehearse", "schema project"):
        done = shell(workspace, f"{SCOREFLY} {command} > /dev/full")
        assert done.returncode == 1
        message = "the outcome cannot be written to standard output: No space left on device"
        assert message in done.stderr.splitlines()
    assert list(workspace.world["apps"]) == ["web"]
    assert shell(workspace, f"{SCOREFLY} deploy --rehearse 2> /dev/full").returncode == 0


def test_working_folder_that_is_gone_is_named(workspace: Workspace) -> None:
    done = shell(workspace, f"mkdir gone && cd gone && rmdir ../gone && {SCOREFLY} plan --rehearse")
    assert (done.returncode, done.stderr) == (
        1,
        "the working folder does not exist any longer (change to a folder that exists)\n",
    )


def test_log_that_the_runner_no_longer_reads_does_not_stop_the_action(workspace: Workspace) -> None:
    workspace.workload("web")
    (workspace.path.parent / "output").write_text("")
    given = f"GITHUB_ACTIONS=true GITHUB_WORKSPACE={workspace.path} INPUT_REHEARSE=true"
    shell(workspace, f"{given} {sys.executable} {REPOSITORY}/entrypoint.py | true")
    assert list(workspace.world["apps"]) == ["web"]
