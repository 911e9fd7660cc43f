"""`drift`: what others changed about apps that have nothing to deploy is reported, or set back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tree_repositories import TreeWorkspace, statuses, tree_workspace

SCORE = """\
apiVersion: score.dev/v1b1
metadata: {name: web}
containers:
  main:
    image: nginx:1.27
    variables: {MODE: plain}
service:
  ports:
    http: {port: 80}
"""
TREE = """\
workloads:
  web: {source: {repo: URL/web.git}}
  api: {source: {repo: URL/api.git}}
environments: {production: {}}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        tree.repositories.commit("web", {"score.yaml": SCORE})
        tree.repositories.workload("api")
        tree.project(TREE)
        assert set(tree.statuses().values()) == {"created"}
        yield tree


def by_hand(tree: TreeWorkspace, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the app web on Fly, beside scorefly."""
    world = tree.workspace.world
    change(world["apps"]["web"])
    tree.workspace.write(".scorefly/rehearsal/world.json", json.dumps(world))


def set_mode(app: dict[str, Any]) -> None:
    for machine in app["machines"].values():
        machine["config"]["env"]["MODE"] = "fancy"


def modes(tree: TreeWorkspace) -> set[str]:
    return {each["config"]["env"]["MODE"] for each in tree.workspace.world["apps"]["web"]["machines"].values()}


def test_drift_is_not_looked_for_unless_asked(tree: TreeWorkspace) -> None:
    by_hand(tree, set_mode)
    result = tree.sync()
    assert (result.code, statuses(result)) == (0, {"web": "unchanged", "api": "unchanged"})
    assert "outside of git" not in result.err


def test_report_names_what_was_changed_and_changes_nothing(tree: TreeWorkspace) -> None:
    by_hand(tree, set_mode)
    result = tree.sync("--drift", "report", "--progress", "json")
    assert result.code == 0, result.err
    events = [json.loads(line) for line in result.out.splitlines()]
    warnings = [each["message"] for each in events if each["event"] == "problem"]
    assert warnings == ["web was changed outside of git: env: MODE has been changed"]
    drifts = {each["app"]: each.get("drift") for each in events if each["event"] == "app"}
    assert drifts == {"web": ["env: MODE has been changed"], "api": None}
    assert modes(tree) == {"fancy"}


def test_heal_deploys_the_changed_app_alone(tree: TreeWorkspace) -> None:
    by_hand(tree, set_mode)
    plan = tree.sync("--drift", "heal", command="plan")
    assert plan.code == 0, plan.err
    assert "env was changed outside of git" in plan.out
    assert tree.statuses("--drift", "heal") == {"web": "deployed", "api": "unchanged"}
    assert modes(tree) == {"plain"}
    assert tree.statuses("--drift", "heal") == {"web": "unchanged", "api": "unchanged"}
    assert tree.sync("--drift", "report").err.count("outside of git") == 0


def test_number_of_machines_counts_only_where_git_states_it(tree: TreeWorkspace) -> None:
    def add_machine(app: dict[str, Any]) -> None:
        name, machine = next(iter(app["machines"].items()))
        more = "f" * len(name)
        app["machines"][more] = {**machine, "id": more, "name": "by-hand", "region": "iad"}

    by_hand(tree, add_machine)
    assert tree.statuses("--drift", "heal") == {"web": "unchanged", "api": "unchanged"}
    assert len(tree.workspace.world["apps"]["web"]["machines"]) == 3
    tree.project(TREE.replace("web.git}}", "web.git}, count: 2}"))
    assert tree.statuses()["web"] == "deployed"
    by_hand(tree, add_machine)
    assert tree.statuses()["web"] == "deployed"
    assert len(tree.workspace.world["apps"]["web"]["machines"]) == 2


def test_drift_is_an_output_of_the_action(tree: TreeWorkspace) -> None:
    by_hand(tree, set_mode)
    secrets = json.dumps({"READ": tree.repositories.server.token})
    given = {"command": "sync", "rehearse": "true", "secrets": secrets, "drift": "report"}
    result = tree.workspace.action({**given, "source-cache": "../cache", "state": "file", "state-key": ""})
    assert result.code == 0, result.out
    assert json.loads(result.outputs["drifted"]) == ["web"]
    assert result.outputs["changed"] == "false"
    assert "::warning" in result.out
