"""Workloads of the environments' repository itself, beside those of other repositories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from git_servers import git
from tree_repositories import TreeWorkspace, tree_workspace

TREE = """\
workloads:
  web: {source: {repo: URL/web.git}, after: cache}
  cache: {app: our-cache}
environments:
  production: {}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        tree.repositories.workload("web")
        tree.workspace.workload("cache", image="redis:7", file="apps/cache/score.yaml")
        tree.project(TREE)
        yield tree


def _commit(tree: TreeWorkspace) -> None:
    if not (tree.workspace.path / ".git").exists():
        git(tree.workspace.path, "init", "--quiet")
    git(tree.workspace.path, "add", "--all")
    git(tree.workspace.path, "commit", "--quiet", "-m", "change")


def test_own_and_other_workloads_are_one_deploy(tree: TreeWorkspace) -> None:
    assert tree.statuses() == {"our-cache": "created", "web": "created"}
    tree.workspace.workload("cache", image="redis:7.4", file="apps/cache/score.yaml")
    assert tree.statuses() == {"our-cache": "deployed", "web": "unchanged"}


def test_clean_checkout_is_not_looked_at_twice(tree: TreeWorkspace) -> None:
    _commit(tree)
    tree.statuses()
    state = tree.workspace.path / ".scorefly/rehearsal/production.state"
    before = state.read_bytes()
    result = tree.sync()
    assert result.code == 0
    assert "workloads" not in result.err
    assert state.read_bytes() == before
    tree.workspace.workload("cache", image="redis:7.4", file="apps/cache/score.yaml")
    assert tree.statuses() == {"our-cache": "deployed", "web": "unchanged"}


def test_single_project_without_sources_is_synced_as_deployed(tree: TreeWorkspace) -> None:
    tree.workspace.write("scorefly.yaml", "environments:\n  production: {}\n")
    assert tree.workspace.run("deploy", "--rehearse", "--environment", "production").code == 0
    assert tree.statuses() == {"cache": "unchanged"}


def test_machine_that_was_stopped_is_noticed_without_a_commit(tree: TreeWorkspace) -> None:
    tree.statuses()
    world = tree.workspace.path / ".scorefly/rehearsal/world.json"
    text = world.read_text()
    assert '"started"' in text
    world.write_text(text.replace('"started"', '"stopped"'))
    result = tree.sync()
    assert result.code == 0, result.err
    assert '"started"' in world.read_text()


def test_workload_with_a_source_and_a_score_file_is_refused(tree: TreeWorkspace) -> None:
    tree.project(TREE.replace("{app: our-cache}", "{source: {repo: URL/web.git}}"))
    result = tree.sync()
    assert result.code == 2
    assert "workload 'cache' has a source and the Score file apps/cache/score.yaml" in result.err
