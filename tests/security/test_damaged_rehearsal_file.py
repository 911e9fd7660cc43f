"""A rehearsal file of an earlier run that cannot be used is reported with its name and the fix."""

from __future__ import annotations

import json

import pytest

from workspaces import Workspace

NAME = ".scorefly/rehearsal/world.json"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is damaged"),
        ("[" * 100_000, "is damaged"),
        ("\0", "is damaged"),
        ("[]", "written by another version"),
        ('{"version": 1}', "written by another version"),
        ('{"version": 2}', "is damaged"),
        ('{"version": 2, "salt": "x", "apps": {"web": {}}}', "is damaged"),
    ],
)
def test_damaged_rehearsal_file_is_reported_with_the_fix(workspace: Workspace, content: str, says: str) -> None:
    workspace.workload("web")
    workspace.write(NAME, content)
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 2, result.err
    assert f"{NAME}:1:1: " in result.err
    assert says in result.err
    assert f"remove {NAME}" in result.err


def test_unreadable_rehearsal_file_is_reported(workspace: Workspace) -> None:
    workspace.workload("web")
    (workspace.path / NAME).mkdir(parents=True)
    result = workspace.run("deploy", "--rehearse")
    assert (result.code, f"{NAME} is not a regular file" in result.err) == (2, True), result.err
    assert "remove it" in result.err


def test_rehearsal_file_of_this_version_is_used_again(workspace: Workspace) -> None:
    workspace.workload("web", "service: {ports: {http: {port: 80}}}\n")
    assert workspace.run("deploy", "--rehearse").code == 0
    before = json.dumps(workspace.world["apps"]["web"]["id"])
    assert workspace.run("deploy", "--rehearse", "--force").code == 0
    assert json.dumps(workspace.world["apps"]["web"]["id"]) == before
