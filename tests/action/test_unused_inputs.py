"""Inputs that a command does not use: a warning, or an error where the input should have kept it from acting."""

from __future__ import annotations

from workspaces import Workspace


def test_an_input_that_the_command_does_not_use_is_a_warning(workspace: Workspace) -> None:
    workspace.workload("web")
    result = workspace.action({"command": "validate", "max-parallel": "8", "artefacts": ".scorefly/out"})
    assert result.code == 0, result.out
    assert "::input max-parallel: the command validate does not use max-parallel" in result.out
    assert "artefacts" not in result.out


def test_a_dry_run_that_a_command_does_not_know_is_an_error(workspace: Workspace) -> None:
    workspace.workload("web")
    before = workspace.tree()
    result = workspace.action({"command": "validate", "dry-run": "true"})
    assert result.code == 2
    assert "input dry-run: the command validate does not use dry-run" in result.out
    assert workspace.tree() == before
