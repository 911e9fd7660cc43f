"""The project file of a fork's checkout, and secrets that are not set, through the Action."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from github_events import pull_request, variables
from github_server import GitHub
from workspaces import ActionResult, Workspace

WEB = "service: {ports: {http: {port: 80}}}\n"


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        server.open_pull(7, head="stranger/shop")
        yield server


def act(workspace: Workspace, github: GitHub, action: str, **inputs: str) -> ActionResult:
    payload = pull_request(github, 7, action)
    given = {"command": "preview", "rehearse": "true", **inputs}
    return workspace.action(given, **variables(github, "pull_request_target", payload, workspace.path.parent))


@pytest.mark.parametrize("text", ["dry-run: true\n", "no-such-key: true\n", "environments: 3\n"])
def test_teardown_of_a_fork_ignores_its_project_file(workspace: Workspace, github: GitHub, text: str) -> None:
    workspace.workload("web", WEB)
    assert act(workspace, github, "opened", **{"allow-forks": "true"}).code == 0
    assert workspace.world["apps"]
    workspace.write("scorefly.yaml", text)
    github.pulls[7]["state"] = "closed"
    result = act(workspace, github, "closed")
    assert result.code == 0, result.out
    assert not workspace.world["apps"]


def test_teardown_of_a_fork_removes_no_file_its_project_file_names(workspace: Workspace, github: GitHub) -> None:
    lock = workspace.path.parent / "poetry.lock"
    lock.write_text("kept", encoding="utf-8")
    workspace.write("scorefly.yaml", f"state: file:{lock.with_suffix('')}\n")
    github.pulls[7]["state"] = "closed"
    result = act(workspace, github, "closed")
    assert result.code == 0, result.out
    assert lock.read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("text", ["null", json.dumps({"UNSET": None})])
def test_null_secrets_and_variables_count_as_not_given(workspace: Workspace, github: GitHub, text: str) -> None:
    workspace.workload("web", WEB)
    for action in ("opened", "closed"):
        github.pulls[7]["state"] = "closed" if action == "closed" else "open"
        result = act(workspace, github, action, secrets=text, variables=text)
        assert result.code == 0, result.out
