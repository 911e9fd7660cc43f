"""A disk that takes nothing more, and folders that cannot be written, end in a problem that names the place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workspaces import Result, Workspace


def run_on_a_full_disk(workspace: Workspace, *arguments: str) -> Result:
    """Every write to a file fails with "File too large", as it does with "No space left on device"."""
    command = f'ulimit -f 0; exec {sys.executable} -m scorefly "$@"'
    done = subprocess.run(
        ("sh", "-c", command, "sh", *arguments),
        cwd=workspace.path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("arguments", [
    ("generate",), ("plan", "--rehearse"), ("deploy", "--rehearse"), ("init",), ("export-secrets", "--file", "env"),
    ("provisioners", "list"), ("validate",), ("state", "rotate-key"), ("cleanup", "--rehearse"),
])  # fmt: skip
def test_full_disk_is_a_problem(workspace: Workspace, arguments: tuple[str, ...]) -> None:
    workspace.workload("web", "resources: {db: {type: postgres}}\n")
    result = run_on_a_full_disk(workspace, *arguments)
    assert "fault" not in result.err
    assert "Traceback" not in result.err
    assert result.code == 0 or "File too large" in result.err or arguments[0] == "state", result.err
    assert not list(workspace.path.rglob(".*.????????????????"))


def test_plan_is_shown_where_nothing_can_be_written(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.write("blocked", "a file")
    result = workspace.run("plan", "--rehearse", "--artefacts", "blocked/out")
    assert result.code == 0, result.err
    assert "web" in result.out
    assert "plan.json cannot be written: Not a directory" in result.err
    assert "blocked/out" in result.err


def test_damaged_state_is_named(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.run("generate")
    workspace.write(".scorefly/state/local.state", "not a state\n")
    for command in (("generate",), ("state", "show")):
        result = workspace.run(*command)
        assert result.code == 2
        assert ".scorefly/state/local.state:1:1: the state is damaged" in result.err


def test_reading_changes_no_modes(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.run("generate")
    paths = [path for path in (workspace.path / ".scorefly/state").iterdir() if path.suffix != ".lock"]
    for path in paths:
        path.chmod(0o640)

    def look() -> dict[Path, tuple[int, ...]]:
        """All but the time of the last read, which reading may change."""
        stats = {path: path.stat() for path in paths}
        return {path: (each.st_mode, each.st_ino, each.st_mtime_ns, each.st_size) for path, each in stats.items()}

    before = look()
    assert workspace.run("state", "show").code == 0
    workspace.run("plan", "--rehearse")
    assert look() == before
