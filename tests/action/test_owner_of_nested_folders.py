"""Everything that the Action makes in the workspace belongs to the workspace's owner: parents of nested folders, too."""

from __future__ import annotations

import os

import pytest

from scorefly.state.encryption import new_key
from workspaces import Workspace

KEY = new_key()
OWNER = 12345

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of another user")


@pytest.mark.parametrize(
    ("inputs", "project", "variables"),
    [
        ({"artefacts": "a/b/out", "state": "file:c/d/shop"}, "region: ams", {}),
        ({}, "artefacts: a/b/out\nstate: file:c/d/shop", {}),
        ({}, "environments: {production: {artefacts: a/b/out, state: file:c/d/shop}}", {}),
        ({}, "region: ams", {"SCOREFLY_ARTEFACTS": "a/b/out", "SCOREFLY_STATE": "file:c/d/shop"}),
    ],
    ids=["inputs", "project file", "environment of the project file", "variables"],
)
@pytest.mark.parametrize("command", [{"command": "generate"}, {"command": "deploy", "rehearse": "true"}])
def test_nested_folders_belong_to_the_owner_of_the_workspace(
    workspace: Workspace, inputs: dict[str, str], project: str, variables: dict[str, str], command: dict[str, str]
) -> None:
    workspace.workload("web", '    variables: {A: "${resources.cache.password}"}\nresources: {cache: {type: redis}}\n')
    workspace.write("scorefly.yaml", f"{project}\n")
    for path in (workspace.path, *workspace.path.rglob("*")):
        os.chown(path, OWNER, OWNER)
    result = workspace.action({**command, **inputs}, SCOREFLY_STATE_KEY=KEY, **variables)
    assert result.code == 0, result.out
    made = ["a", "a/b", "a/b/out", "a/b/out/production/web/fly.toml"]
    made += [".scorefly/rehearsal"] if "rehearse" in command else ["c", "c/d"]
    assert [name for name in made if not (workspace.path / name).exists()] == []
    left = [path for path in workspace.path.rglob("*") if path.lstat().st_uid != OWNER]
    assert left == []
