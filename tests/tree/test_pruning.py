"""`sync --prune` destroys the apps of removed workloads, and nothing in doubt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tree_repositories import TreeWorkspace, tree_workspace

WEB = "  web: {source: {repo: URL/web.git}}\n"
API = "  api: {source: {repo: URL/api.git}}\n"
JOBS = "  jobs: {source: {repo: URL/jobs.git}}\n"
HEAD = "workloads:\n"
TAIL = "environments: {production: {}}\n"


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        for name in ("web", "api", "jobs"):
            tree.repositories.workload(name)
        tree.project(HEAD + WEB + API + JOBS + TAIL)
        assert set(tree.statuses().values()) == {"created"}
        yield tree


def _destroyed(statuses: dict[str, str]) -> set[str]:
    return {app for app, status in statuses.items() if status == "destroyed"}


def test_removed_workload_is_destroyed_with_prune_only(tree: TreeWorkspace) -> None:
    tree.project(HEAD + WEB + API + TAIL)
    assert _destroyed(tree.statuses()) == set()
    assert "jobs" in tree.workspace.world["apps"]
    assert _destroyed(tree.statuses("--prune")) == {"jobs"}
    assert "jobs" not in tree.workspace.world["apps"]
    assert _destroyed(tree.statuses("--prune")) == set()


def test_nothing_is_pruned_while_a_source_cannot_be_read(tree: TreeWorkspace) -> None:
    tree.project(HEAD + WEB + API.replace("api.git", "gone.git") + TAIL)
    result = tree.sync("--prune")
    assert result.code == 1
    assert set(tree.workspace.world["apps"]) == {"web", "api", "jobs"}


def test_more_than_the_limit_is_not_pruned(tree: TreeWorkspace) -> None:
    tree.project(HEAD + WEB + TAIL)
    result = tree.sync("--prune")
    assert result.code == 1
    assert "nothing is pruned, because 2 of 3 apps would be destroyed" in result.err
    assert set(tree.workspace.world["apps"]) == {"web", "api", "jobs"}
    assert _destroyed(tree.statuses("--prune", "--prune-limit", "100")) == {"api", "jobs"}


def test_suspended_workload_is_left_as_it_is(tree: TreeWorkspace) -> None:
    tree.repositories.workload("jobs", "nginx:1.28")
    suspended = "  jobs: {source: {repo: URL/jobs.git, branch: main}, suspended: while we look}\n"
    tree.project(HEAD + WEB + API + suspended + TAIL)
    assert tree.statuses("--prune").get("jobs", "unchanged") == "unchanged"
    assert "jobs" in tree.workspace.world["apps"]
    tree.project(HEAD + WEB + API + suspended.replace(", suspended: while we look", "") + TAIL)
    assert tree.statuses("--prune")["jobs"] == "deployed"


def test_renamed_project_destroys_nothing(tree: TreeWorkspace) -> None:
    tree.project("project: shop\n" + HEAD + WEB + API + JOBS + TAIL)
    assert set(tree.statuses("--prune").values()) == {"unchanged"}
