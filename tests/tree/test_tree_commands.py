"""`repos`, `pin`, `plan` and `validate` over a tree, and progress as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tree_repositories import TreeWorkspace, tree_workspace

TREE = """\
app-prefix: acme-
workloads:
  # the front end
  web: {source: {repo: URL/web.git, branch: main}}  # follows main
environments:
  production:
    # nothing yet
    app-suffix: ""
  staging:
    app-suffix: -staging
"""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        tree.repositories.workload("web")
        tree.project(TREE)
        yield tree


def test_repos_lists_refs_with_commits_and_who_uses_them(tree: TreeWorkspace) -> None:
    commit = tree.repositories.workload("web", "nginx:1.28")
    result = tree.sync("--format", "json", command="repos")
    assert result.code == 0, result.err
    own, web = json.loads(result.out)
    assert own["repository"] == ""
    assert web["repository"].endswith("/acme/web")
    assert (web["ref"], web["kind"], web["commit"], web["readable"]) == ("main", "branch", commit, True)
    assert web["workloads"] == ["web"]
    assert [unit["name"] for unit in web["units"]] == ["production", "staging"]


def test_repos_tells_why_a_repository_cannot_be_read(tree: TreeWorkspace) -> None:
    tree.project(TREE.replace("URL/web.git", "URL/gone.git"))
    result = tree.sync("--format", "json", command="repos")
    assert result.code == 1
    assert json.loads(result.out)[1]["readable"] is False
    assert "repository not found" in json.loads(result.out)[1]["problem"]


def test_pin_writes_the_running_commit_and_keeps_comments(tree: TreeWorkspace) -> None:
    first = tree.repositories.workload("web", "nginx:1.26")
    tree.statuses()
    result = tree.sync("web", "--from", "staging", "--to", "production", command="pin")
    assert result.code == 0, result.err
    text = (tree.workspace.path / "scorefly.yaml").read_text()
    assert all(comment in text for comment in ("# the front end", "# follows main", "# nothing yet"))
    assert f"commit: {first}" in text
    tree.repositories.workload("web", "nginx:1.28")
    assert tree.statuses() == {"acme-web": "unchanged", "acme-web-staging": "deployed"}
    result = tree.sync("wbe", "--from", "staging", "--to", "production", command="pin")
    assert result.code == 2
    assert "did you mean 'web'?" in result.err


def test_plan_names_the_commits_that_a_source_moved_between(tree: TreeWorkspace) -> None:
    first = tree.repositories.workload("web", "nginx:1.26")
    tree.statuses()
    second = tree.repositories.workload("web", "nginx:1.28")
    result = tree.sync("--environment", "production", command="plan")
    assert result.code == 0, result.err
    assert f"from {first[:7]} to {second[:7]}" in result.out
    plan = json.loads((tree.workspace.path / ".scorefly/out/plan.json").read_text())
    assert [unit["environment"] for unit in plan["units"]] == ["production"]
    assert [app["action"] for app in plan["units"][0]["apps"]] == ["change"]
    assert tree.statuses()["acme-web"] == "deployed"


def test_validate_checks_score_files_of_other_repositories(tree: TreeWorkspace) -> None:
    assert tree.sync(command="validate").code == 0
    tree.repositories.workload("web", "NGINX:latest")
    result = tree.sync(command="validate")
    assert result.code == 2
    assert any(".scorefly/sources/production/web/score.yaml:5:5" in line for line in result.problems), result.err


def test_deploy_of_a_tree_names_sync(tree: TreeWorkspace) -> None:
    result = tree.sync(command="deploy")
    assert result.code == 2
    assert "run scorefly sync" in result.err


def test_json_progress_has_an_event_on_every_line(tree: TreeWorkspace) -> None:
    commit = tree.repositories.workload("web", "nginx:1.26")
    result = tree.sync("--progress", "json")
    assert result.code == 0, result.err
    events = [json.loads(line) for line in result.out.splitlines()]
    assert {event["unit"] for event in events if event["event"] == "unit-begin"} == {"production", "staging"}
    apps = {event["app"]: event for event in events if event["event"] == "app"}
    assert apps["acme-web"]["status"] == "created"
    assert apps["acme-web"]["commit"] == commit
    assert apps["acme-web-staging"]["unit"] == "staging"
    end = events[-1]
    assert (end["event"], end["exit_code"], end["complete"]) == ("end", 0, True)
    tree.project(TREE.replace("URL/web.git", "file:///etc"))
    result = tree.sync("--progress", "json")
    assert result.code == 2
    events = [json.loads(line) for line in result.out.splitlines()]
    assert [event["event"] for event in events] == ["problem", "end"]
    assert events[0]["file"] == "scorefly.yaml"
    assert events[1]["complete"] is False


def test_flags_of_one_workload_redeploy_that_one(tree: TreeWorkspace) -> None:
    tree.project(
        TREE.replace("URL/web.git", "URL/web.git").replace(
            "  # the front end\n", "  other: {source: {repo: URL/web}}\n"
        )
    )
    tree.statuses()
    tree.project(
        (tree.workspace.path / "scorefly.yaml")
        .read_text()
        .split("\n", 1)[1]
        .replace("branch: main}}", "branch: main}, deploy-args: [--smoke-checks=false]}")
    )
    assert {app for app, status in tree.statuses().items() if status == "deployed"} == {"acme-web", "acme-web-staging"}
