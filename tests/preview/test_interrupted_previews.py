"""A preview that is cancelled anywhere: the next event makes it whole, and the last one leaves nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from github_events import pull_request, variables
from github_server import GitHub
from workspaces import ActionResult, Workspace

CACHE = '    variables: {CACHE: "redis://:${resources.cache.password}@x"}\nresources: {cache: {type: redis}}\n'


def runs(process: int = os.getpid()) -> list[int]:
    """The processes below this one that have no children: those that start runs are not meant."""
    lists = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children")]
    children = [int(pid) for each in lists for pid in each.split()]
    return [run for child in children for run in runs(child) or [child]]


def happens(workspace: Workspace, github: GitHub, action: str) -> ActionResult:
    given = variables(github, "pull_request", pull_request(github, 7, action), workspace.path.parent)
    return workspace.action({"command": "preview", "rehearse": "true"}, **given)


@pytest.mark.skipif(not Path(f"/proc/self/task/{os.getpid()}/children").exists(), reason="needs Linux's /proc")
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
        until = len(github.requests) + last

        def cancel(number: int) -> None:
            if number == until:
                for pid in runs():
                    os.kill(pid, signal.SIGTERM)

        github.on_request = cancel
        asked = happens(workspace, github, action)
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
