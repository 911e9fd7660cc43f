"""`sync` deploys workloads of other repositories, exactly those that changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tree_repositories import SCORE, TreeWorkspace, statuses, tree_workspace

TREE = """\
app-prefix: acme-
workloads:
  web: {source: {repo: URL/web.git, branch: main}}
  api: {source: {repo: URL/mono, branch: main, path: services/api}}
  jobs: {source: {repo: URL/mono.git, tag: v1}}
environments:
  production: {}
  staging: {app-suffix: -staging}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        tree.repositories.workload("web")
        tree.repositories.commit("mono", {"score.yaml": SCORE.format(name="jobs", image="busybox:1")})
        tree.repositories.workload("mono", "redis:7", "services/api/score.yaml")
        tree.repositories.tag("mono", "v1")
        tree.project(TREE)
        yield tree


def test_first_sync_creates_every_app_and_second_changes_nothing(tree: TreeWorkspace) -> None:
    names = {f"acme-{name}{suffix}" for name in ("web", "api", "jobs") for suffix in ("", "-staging")}
    assert tree.statuses() == dict.fromkeys(names, "created")
    assert {path.partition("?")[0].rpartition("/")[2] for path in tree.repositories.take_requests()} == {
        "refs",
        "git-upload-pack",
    }
    before = tree.workspace.tree()
    assert tree.statuses() == dict.fromkeys(names, "unchanged")
    # One ls-remote for each repository is two or three requests, with the one that asks for a password.
    assert len(tree.repositories.take_requests()) <= 6
    after = tree.workspace.tree()
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} <= {
        ".scorefly/rehearsal/world.json"
    }


def test_commit_deploys_the_apps_whose_files_changed(tree: TreeWorkspace) -> None:
    tree.statuses()
    tree.repositories.workload("mono", "redis:7.4", "services/api/score.yaml")
    assert {app for app, status in tree.statuses().items() if status != "unchanged"} == {
        "acme-api",
        "acme-api-staging",
    }


def test_commit_beside_the_folder_of_a_workload_deploys_nothing(tree: TreeWorkspace) -> None:
    tree.statuses()
    tree.repositories.commit("mono", {"docs/page.md": "text"})
    assert set(tree.statuses().values()) == {"unchanged"}


def test_moved_tag_force_push_and_revert_deploy_what_follows_them(tree: TreeWorkspace) -> None:
    first = tree.repositories.workload("web", "nginx:1.26")
    tree.statuses()
    tree.repositories.commit("mono", {"score.yaml": SCORE.format(name="jobs", image="busybox:2")})
    assert set(tree.statuses().values()) == {"unchanged"}
    tree.repositories.tag("mono", "v1")
    assert {app for app, status in tree.statuses().items() if status == "deployed"} == {
        "acme-jobs",
        "acme-jobs-staging",
    }
    tree.repositories.workload("web", "nginx:1.28")
    tree.statuses()
    tree.repositories.reset("web", first)
    assert {app for app, status in tree.statuses().items() if status == "deployed"} == {"acme-web", "acme-web-staging"}
    assert tree.workspace.toml("acme-web", "production")["build"]["image"] == "nginx:1.26"


def test_pin_of_an_older_commit_is_deployed(tree: TreeWorkspace) -> None:
    older = tree.repositories.workload("web", "nginx:1.26")
    tree.repositories.workload("web", "nginx:1.28")
    tree.statuses()
    tree.project(TREE.replace("production: {}", f"production: {{workloads: {{web: {{source: {{commit: {older}}}}}}}}}"))
    assert {app for app, status in tree.statuses().items() if status == "deployed"} == {"acme-web"}
    assert tree.workspace.toml("acme-web", "production")["build"]["image"] == "nginx:1.26"
    assert tree.workspace.toml("acme-web-staging", "staging")["build"]["image"] == "nginx:1.28"


def test_repository_that_cannot_be_read_fails_its_units_and_no_others(tree: TreeWorkspace) -> None:
    tree.statuses()
    tree.project(TREE.replace("production: {}", "production: {workloads: {web: {source: {branch: gone}}}}"))
    result = tree.sync()
    assert result.code == 1
    assert any("has no branch 'gone'" in line and "scorefly.yaml:" in line for line in result.problems), result.err
    assert set(statuses(result).values()) == {"unchanged"}
    assert "production: failed" in result.out
    tree.project(TREE.replace("URL/web.git", "URL/nothing.git"))
    result = tree.sync()
    assert result.code == 1
    assert "repository not found" in result.err
    assert len(tree.workspace.world["apps"]) == 6


def test_one_subtree_is_synced_alone(tree: TreeWorkspace) -> None:
    assert set(tree.statuses("staging")) == {"acme-web-staging", "acme-api-staging", "acme-jobs-staging"}
    result = tree.sync("stagign")
    assert result.code == 2
    assert "did you mean 'staging'?" in result.err


def test_rollback_stays_until_the_source_has_other_files(tree: TreeWorkspace) -> None:
    tree.repositories.workload("web", "nginx:1.26")
    tree.statuses()
    tree.repositories.workload("web", "nginx:1.27.1")
    tree.statuses()
    result = tree.sync("--environment", "production", "web", command="rollback")
    assert result.code == 0, result.err
    assert tree.statuses()["acme-web"] == "unchanged"
    images = {each["config"]["image"] for each in tree.workspace.world["apps"]["acme-web"]["machines"].values()}
    assert images == {"nginx:1.26"}
    tree.repositories.workload("web", "nginx:1.28")
    assert tree.statuses()["acme-web"] == "deployed"


def test_sync_after_another_command_looks_again(tree: TreeWorkspace) -> None:
    tree.statuses()
    assert tree.sync("--environment", "production", "--yes", command="destroy").code == 0
    assert {app for app, status in tree.statuses().items() if status == "created"} == {
        "acme-web",
        "acme-api",
        "acme-jobs",
    }
