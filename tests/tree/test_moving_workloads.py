"""A workload that moves to another project keeps its app, and its data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tree_repositories import TreeWorkspace, tree_workspace

WITH_DATABASE = """\
apiVersion: score.dev/v1b1
metadata: {name: web}
containers:
  main:
    image: nginx:1.27
    variables: {DATABASE: "${resources.db.host}"}
resources:
  db: {type: postgres}
"""
ROOT = "include: [{path: one}, {path: two}]\nenvironments: {production: {}}\n"
WEB = "  web: {source: {repo: URL/web.git}, app: the-web}\n"
API = "  api: {source: {repo: URL/api.git}, app: the-api}\n"


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        tree.repositories.commit("web", {"score.yaml": WITH_DATABASE})
        tree.repositories.workload("api")
        tree.project(ROOT)
        yield tree


def test_app_and_its_resources_move_in_state(tree: TreeWorkspace) -> None:
    tree.project(f"workloads:\n{WEB}", "one/scorefly.yaml")
    tree.project(f"workloads:\n{API}", "two/scorefly.yaml")
    first = tree.statuses()
    assert set(first.values()) == {"created"}
    before = {name: app["id"] for name, app in tree.workspace.world["apps"].items()}
    tree.project("workloads: {}\n", "one/scorefly.yaml")
    tree.project(f"workloads:\n{WEB}{API}", "two/scorefly.yaml")
    result = tree.sync("--prune")
    assert result.code == 0, result.err
    assert "the-web: moves from one.production" in result.err
    assert {name: app["id"] for name, app in tree.workspace.world["apps"].items()} == before
    assert set(tree.statuses("--prune").values()) == {"unchanged"}
    machine = next(iter(tree.workspace.world["apps"]["the-web"]["machines"].values()))
    assert machine["config"]["metadata"]["scorefly_owner"].split()[1] == "two.production"
