"""The Action on a tree: outputs, summary and matrix by unit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tree_repositories import TreeWorkspace, tree_workspace
from workspaces import ActionResult

TREE = """\
app-prefix: acme-
workloads:
  web: {source: {repo: URL/web.git, branch: main}}
environments:
  production: {}
  staging: {app-suffix: -staging}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        tree.repositories.workload("web")
        tree.project(TREE)
        yield tree


def run(tree: TreeWorkspace, command: str, **inputs: str) -> ActionResult:
    secrets = json.dumps({"READ": tree.repositories.server.token})
    given = {"command": command, "rehearse": "true", "secrets": secrets, "source-cache": ".cache/sources", **inputs}
    return tree.workspace.action({**given, "state-key": ""})


def test_plan_has_a_matrix_of_units_and_sync_deploys_them(tree: TreeWorkspace) -> None:
    plan = run(tree, "plan")
    assert plan.code == 0, plan.err + plan.out
    assert json.loads(plan.outputs["matrix"])["include"] == [
        {"unit": "production", "project": "", "environment": "production"},
        {"unit": "staging", "project": "", "environment": "staging"},
    ]
    assert plan.outputs["plan"] == ".scorefly/out/plan.json"
    assert "### Plan for" in plan.summary
    one = run(tree, "sync", environment="staging")
    assert json.loads(one.outputs["deployed"]) == ["acme-web-staging"]
    both = run(tree, "sync")
    assert json.loads(both.outputs["deployed"]) == ["acme-web"]
    assert json.loads(both.outputs["unchanged"]) == ["acme-web-staging"]
    assert "Unchanged: <code>staging</code>" in both.summary
    assert json.loads(run(tree, "plan").outputs["matrix"])["include"] == []


def test_unit_that_fails_is_named_in_the_summary(tree: TreeWorkspace) -> None:
    tree.project(TREE.replace("production: {}", "production: {workloads: {web: {source: {branch: gone}}}}"))
    result = run(tree, "sync")
    assert result.code == 1
    assert "has no branch" in result.summary
    assert json.loads(result.outputs["deployed"]) == ["acme-web-staging"]


def test_subtrees_are_an_input(tree: TreeWorkspace) -> None:
    result = run(tree, "sync", subtrees="staging")
    assert json.loads(result.outputs["deployed"]) == ["acme-web-staging"]
