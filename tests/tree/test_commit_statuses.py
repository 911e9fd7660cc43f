"""A sync shows on GitHub where the commits of sources run, where the token allows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from github_server import READ_ONLY, TOKEN, Fault, GitHub
from live_trees import LiveTree, live_tree
from tree_repositories import SCORE, statuses

TREE = """\
workloads:
  web: {source: {repo: URL/web.git}}
environments: {production: {}}
"""


@pytest.fixture
def github() -> Iterator[GitHub]:
    permissions = {"contents": "read", "statuses": "write", "deployments": "write"}
    with GitHub(repository="acme/web", permissions=permissions) as server:
        yield server


@pytest.fixture
def live(tmp_path: Path, github: GitHub) -> Iterator[LiveTree]:
    with live_tree(tmp_path, token=TOKEN) as live:
        github.commits.add(live.tree.repositories.workload("web"))
        live.tree.project(TREE)
        live.variables = {"GITHUB_API_URL": github.url, "GITHUB_SERVER_URL": live.tree.repositories.server.url}
        yield live


def test_deployed_commit_has_a_status_and_a_deployment(live: LiveTree, github: GitHub) -> None:
    assert statuses(live.sync()) == {"web": "created"}
    (commit,) = github.commits
    (status,) = github.commit_statuses[commit]
    assert (status["state"], status["context"]) == ("success", "scorefly/production")
    assert status["description"] == "web deployed"
    (deployment,) = github.deployments.values()
    assert (deployment["sha"], deployment["environment"]) == (commit, "production")
    assert deployment["production_environment"] is True
    assert github.states("production") == ["success"]
    github.requests.clear()
    assert statuses(live.sync()) == {"web": "unchanged"}
    assert github.requests == []


def test_failed_deploy_is_a_failure_on_its_commit(live: LiveTree, github: GitHub) -> None:
    commit = live.tree.repositories.commit("web", {"score.yaml": SCORE.format(name="web", image="acme/none:1")})
    github.commits = {commit}
    live.flyctl('[ "$1" = deploy ] && { echo "Error: out of luck" >&2; exit 1; }')
    assert live.sync().code == 1
    assert github.commit_statuses[commit][0]["state"] == "failure"
    assert github.commit_statuses[commit][0]["description"] == "web failed"
    assert github.states("production") == ["failure"]


def test_nothing_is_claimed_where_the_token_may_not(live: LiveTree, github: GitHub) -> None:
    github.permissions = dict(READ_ONLY)
    result = live.sync()
    assert (result.code, statuses(result)) == (0, {"web": "created"})
    assert not github.commit_statuses
    assert not github.deployments
    assert "no commit status and no deployment, because the token may not write one" in result.err
    assert not [line for line in result.err.splitlines() if "warning" in line]
    assert TOKEN not in result.out + result.err


def test_github_that_fails_is_a_warning_and_no_failed_sync(live: LiveTree, github: GitHub) -> None:
    github.faults.append(Fault("POST", "/repos/acme/web/statuses/.*", 422))
    result = live.sync()
    assert (result.code, statuses(result)) == (0, {"web": "created"})
    assert "has no new status" in result.err
    assert live.sync("--force", "--commit-status=false").code == 0
    assert not github.commit_statuses
