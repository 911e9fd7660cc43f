"""`plan` in a pull request tells it what its merge would do, in one comment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from github_events import pull_request, variables
from github_server import READ_ONLY, GitHub
from workspaces import ActionResult, Workspace


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        server.open_pull(7)
        yield server


def plan(workspace: Workspace, github: GitHub, event: str = "pull_request", **inputs: str) -> ActionResult:
    payload = pull_request(github, 7, "synchronize") if event == "pull_request" else {}
    given = {"command": "plan", "rehearse": "true", **inputs}
    return workspace.action(given, **variables(github, event, payload, workspace.path.parent))


def test_a_plan_is_one_comment_edited_in_place_beside_that_of_the_preview(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web")
    github.comment(7, "<!-- scorefly preview -->\nof the preview", author="github-actions[bot]")
    plan(workspace, github)
    workspace.workload("api")
    result = plan(workspace, github)
    preview, body = github.bodies(7)
    assert preview.endswith("of the preview")
    assert body == f"<!-- scorefly plan production -->\n{result.summary}"
    assert "api" in body


@pytest.mark.parametrize(("event", "inputs"), [("push", {}), ("pull_request", {"comment": "false"})])
def test_without_a_pull_request_or_a_wish_there_is_no_comment(
    workspace: Workspace, github: GitHub, event: str, inputs: dict[str, str]
) -> None:
    workspace.workload("web")
    assert plan(workspace, github, event, **inputs).code == 0
    assert github.requests == []


def test_a_comment_that_is_refused_is_a_warning(workspace: Workspace, github: GitHub) -> None:
    github.permissions = dict(READ_ONLY)
    workspace.workload("web")
    result = plan(workspace, github)
    assert result.code == 0
    assert "the comment cannot be written: GitHub refused POST" in result.out
