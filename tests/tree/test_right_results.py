"""What a sync deploys and destroys after each kind of change: exactly the apps concerned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from git_servers import git
from tree_repositories import SCORE, TreeWorkspace, statuses, tree_workspace

ROOT = """\
app-prefix: acme-
include: [{path: shop}]
defaults: {secrets: [], score: {metadata: {annotations: {tier: a}}}}
workloads:
  web: {source: {repo: URL/web.git, branch: main}}
  api: {source: {repo: URL/mono, branch: main, path: api}}
environments:
  production: {}
  staging: {app-suffix: -staging}
"""
SHOP = """\
project: shop
app-prefix: shop-
workloads:
  cart: {source: {repo: URL/mono, tag: v1, path: cart}}
  jobs: {source: {repo: URL/jobs.git, branch: stable}}
"""
ALL = {f"{name}{suffix}" for name in ("acme-web", "acme-api", "shop-cart", "shop-jobs") for suffix in ("", "-staging")}


def both(*names: str) -> set[str]:
    """The apps of workloads in both environments."""
    return {f"{name}{suffix}" for name in names for suffix in ("", "-staging")}


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        tree.repositories.workload("web", "nginx:1.26")
        tree.repositories.workload("web", "nginx:1.27")
        files: dict[str, str | None] = {
            f"{name}/score.yaml": SCORE.format(name=name, image="redis:7") for name in ("api", "cart")
        }
        tree.repositories.commit("mono", files, tag="v1")
        tree.repositories.workload("jobs")
        tree.repositories.commit("jobs", {}, branch="stable")
        tree.project(ROOT)
        tree.project(SHOP, "shop/scorefly.yaml")
        assert tree.statuses("--prune") == dict.fromkeys(ALL, "created")
        yield tree


def one_commit(tree: TreeWorkspace) -> None:
    tree.repositories.workload("web", "nginx:1.28")


def commit_beside_every_context(tree: TreeWorkspace) -> None:
    tree.repositories.commit("mono", {"docs/page.md": "text"})


def commit_beside_and_moved_tag(tree: TreeWorkspace) -> None:
    tree.repositories.commit("mono", {"docs/page.md": "text"}, tag="v1")


def changed_default(tree: TreeWorkspace) -> None:
    tree.project(ROOT.replace("secrets: [], ", "secrets: [], fly: {kill_timeout: 30}, "))


def changed_default_of_one_environment(tree: TreeWorkspace) -> None:
    tree.project(ROOT.replace("production: {}", "production: {defaults: {fly: {kill_timeout: 30}}}"))


def changed_default_of_one_project(tree: TreeWorkspace) -> None:
    tree.project(f"defaults: {{fly: {{kill_timeout: 30}}}}\n{SHOP}", "shop/scorefly.yaml")


def default_that_changes_no_app(tree: TreeWorkspace) -> None:
    tree.project(ROOT.replace("tier: a", "tier: b"))


def moved_tag(tree: TreeWorkspace) -> None:
    tree.repositories.commit("mono", {"cart/score.yaml": SCORE.format(name="cart", image="redis:7.4")}, tag="v1")


def force_push(tree: TreeWorkspace) -> None:
    tree.repositories.reset("web", "HEAD~1")


def revert(tree: TreeWorkspace) -> None:
    tree.repositories.workload("web", "nginx:1.26")


def older_pin(tree: TreeWorkspace) -> None:
    older = git(tree.repositories.root / "clones/web", "rev-parse", "HEAD~1")
    pin = f"production: {{workloads: {{web: {{source: {{commit: {older}}}}}}}}}"
    tree.project(ROOT.replace("production: {}", pin))


def removed_workload(tree: TreeWorkspace) -> None:
    tree.project(ROOT.replace("  api: {source: {repo: URL/mono, branch: main, path: api}}\n", ""))


def renamed_project(tree: TreeWorkspace) -> None:
    tree.project(SHOP.replace("project: shop", "project: store"), "shop/scorefly.yaml")


def deleted_branch(tree: TreeWorkspace) -> None:
    git(tree.repositories.root / "clones/jobs", "push", "--quiet", "--delete", "origin", "stable")


def unreadable_source(tree: TreeWorkspace) -> None:
    tree.project(SHOP.replace("jobs.git", "gone.git"), "shop/scorefly.yaml")


Change = Callable[[TreeWorkspace], None]
DEPLOYED: list[tuple[Change, set[str]]] = [
    (one_commit, both("acme-web")),
    (commit_beside_every_context, set()),
    (commit_beside_and_moved_tag, set()),
    (changed_default, ALL),
    (changed_default_of_one_environment, {"acme-web", "acme-api", "shop-cart", "shop-jobs"}),
    (changed_default_of_one_project, both("shop-cart", "shop-jobs")),
    (default_that_changes_no_app, set()),
    (moved_tag, both("shop-cart")),
    (force_push, both("acme-web")),
    (revert, both("acme-web")),
    (older_pin, {"acme-web"}),
]
DESTROYED: list[tuple[Change, set[str], int]] = [
    (removed_workload, both("acme-api"), 0),
    (renamed_project, set(), 0),
    (deleted_branch, set(), 1),
    (unreadable_source, set(), 1),
]


@pytest.mark.parametrize(("change", "apps"), DEPLOYED, ids=lambda value: getattr(value, "__name__", ""))
def test_change_deploys_exactly_these_apps(tree: TreeWorkspace, change: Change, apps: set[str]) -> None:
    change(tree)
    assert tree.statuses("--prune") == {**dict.fromkeys(ALL, "unchanged"), **dict.fromkeys(apps, "deployed")}
    assert tree.statuses("--prune") == dict.fromkeys(ALL, "unchanged")


@pytest.mark.parametrize(("change", "apps", "code"), DESTROYED, ids=lambda value: getattr(value, "__name__", ""))
def test_change_destroys_exactly_these_apps(tree: TreeWorkspace, change: Change, apps: set[str], code: int) -> None:
    change(tree)
    without = tree.sync()
    assert without.code == code, without.err
    assert set(tree.workspace.world["apps"]) == ALL
    result = tree.sync("--prune", "--prune-limit", "100")
    assert result.code == code, result.err
    assert {app for app, status in statuses(result).items() if status == "destroyed"} == apps
    assert set(tree.workspace.world["apps"]) == ALL - apps


def test_renamed_project_keeps_its_apps_and_deploys_them_no_more(tree: TreeWorkspace) -> None:
    machines = {name: set(app["machines"]) for name, app in tree.workspace.world["apps"].items()}
    renamed_project(tree)
    assert tree.sync().code == 0
    assert {name: set(app["machines"]) for name, app in tree.workspace.world["apps"].items()} == machines
    assert tree.statuses("--prune") == dict.fromkeys(ALL, "unchanged")
