"""A preview that is cancelled anywhere: the next event makes it whole, and the last one leaves nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from github_events import pull_request, variables
from github_server import GitHub
from workspaces import ActionResult, Workspace

CACHE = '    variables: {CACHE: "redis://:${resources.cache.password}@x"}\nresources: {cache: {type: redis}}\n'


def happens(
    workspace: Workspace, github: GitHub, action: str, on_start: Callable[[int], None] | None = None
) -> ActionResult:
    given = variables(github, "pull_request", pull_request(github, 7, action), workspace.path.parent)
    return workspace.action({"command": "preview", "rehearse": "true"}, on_start, **given)


@pytest.mark.parametrize("action", ["opened", "closed"])
@pytest.mark.parametrize("last", range(1, 9))
def test_a_run_that_is_cancelled_at_any_of_its_requests_is_made_good(
    workspace: Workspace, action: str, last: int
) -> None:
    with GitHub() as github:
        github.open_pull(7)
        workspace.workload("web", CACHE)
        if action == "closed":
            happens(workspace, github, "opened")
            github.pulls[7]["state"] = "closed"
        until, started = len(github.requests) + last, list[int]()

        def cancel(number: int) -> None:
            if number == until:
                os.kill(started[0], signal.SIGTERM)

        github.on_request = cancel
        asked = happens(workspace, github, action, started.append)
        assert asked.code == (143 if len(github.requests) >= until else 0)
        github.on_request = None
        github.pulls[7]["state"] = "open"
        assert happens(workspace, github, "reopened").code == 0
        assert set(workspace.world["apps"]) == {"web-pr-7", "web-cache-pr-7"}
        assert github.states("pr-7")[-1] == "success"
        assert set(github.states("pr-7")[:-1]) <= {"inactive"}
        github.pulls[7]["state"] = "closed"
        assert happens(workspace, github, "closed").code == 0
        assert workspace.world["apps"] == {}
        assert set(github.states("pr-7")) == {"inactive"}
        assert len(github.bodies(7)) == 1
