"""Trees of several projects: includes, layers of settings, variables, and order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tree_repositories import SCORE, TreeWorkspace, tree_workspace

ROOT = """\
app-prefix: acme-
vars: {tier: "1", image: nginx}
include:
  - path: teams/shop
  - source: {repo: URL/platform, branch: main, path: fly}
defaults:
  score: {containers: {main: {variables: {TIER: $(tier)}}}}
always:
  fly: {kill_timeout: 7}
environments:
  production: {vars: {tier: "9"}}
  staging: {app-suffix: -staging}
"""
SHOP = """\
project: shop
app-prefix: acme-shop-
workloads:
  web:
    source: {repo: URL/web.git}
    image: $(image):1.27
    after: api
  api: {source: {repo: URL/api.git, path: service}}
"""
PLATFORM = """\
project: platform
app-prefix: acme-platform-
"""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        tree.repositories.workload("web", ".")
        tree.repositories.workload("api", "redis:7", "service/score.yaml")
        tree.repositories.commit(
            "platform",
            {"fly/scorefly.yaml": PLATFORM, "fly/cache/score.yaml": SCORE.format(name="cache", image="redis:7")},
        )
        tree.project(ROOT)
        tree.project(SHOP, "teams/shop/scorefly.yaml")
        yield tree


def test_projects_of_folders_and_repositories_are_deployed(tree: TreeWorkspace) -> None:
    names = {"acme-shop-web", "acme-shop-api", "acme-platform-cache"}
    names |= {f"{name}-staging" for name in names}
    assert tree.statuses() == dict.fromkeys(names, "created")
    assert set(tree.statuses().values()) == {"unchanged"}
    assert (tree.workspace.path / ".scorefly/rehearsal/shop.production.state").exists()
    assert tree.statuses("platform", "--environment", "staging") == {"acme-platform-cache-staging": "unchanged"}


def test_layers_and_variables_reach_every_workload_below(tree: TreeWorkspace) -> None:
    tree.statuses()
    production = tree.workspace.toml("acme-shop-web", "shop.production")
    assert production["env"] == {"TIER": "9"}
    assert production["build"]["image"] == "nginx:1.27"
    assert production["kill_timeout"] == "7s"
    assert tree.workspace.toml("acme-platform-cache-staging", "platform.staging")["env"] == {"TIER": "1"}
    tree.project(ROOT.replace('tier: "9"', 'tier: "10"'))
    assert {app for app, status in tree.statuses().items() if status == "deployed"} == {
        "acme-shop-web",
        "acme-shop-api",
        "acme-platform-cache",
    }


def test_change_of_an_included_repository_deploys_its_workloads(tree: TreeWorkspace) -> None:
    tree.statuses()
    tree.repositories.commit("platform", {"fly/cache/score.yaml": SCORE.format(name="cache", image="redis:7.4")})
    assert {app for app, status in tree.statuses().items() if status == "deployed"} == {
        "acme-platform-cache",
        "acme-platform-cache-staging",
    }


def test_environment_after_another_waits_for_it(tree: TreeWorkspace) -> None:
    tree.project(ROOT.replace('tier: "9"}', 'tier: "9"}, after: staging'))
    tree.repositories.workload("web", "NO IMAGE")
    result = tree.sync()
    assert result.code == 1
    assert "shop.production skipped: " in result.err
    assert "shop.staging" in result.err.split("shop.production skipped: ")[1]


def test_included_repository_that_cannot_be_read_stops_its_project_only(tree: TreeWorkspace) -> None:
    tree.statuses()
    tree.project(ROOT.replace("URL/platform", "URL/gone"))
    result = tree.sync("--prune")
    assert result.code == 1
    assert "scorefly.yaml:6:5: " in result.err
    assert "repository not found" in result.err
    assert "acme-platform-cache" in tree.workspace.world["apps"]
    assert "shop.production: 2 unchanged" in result.out


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("teams/shop/scorefly.yaml", "project: shop\n", "project: shop\ninclude: [{path: ../..}]\n",
         "projects include each other: scorefly.yaml -> shop -> ."),
        ("teams/shop/scorefly.yaml", "project: shop", "project: platform", "two projects are called 'platform'"),
        ("scorefly.yaml", "path: teams/shop", "path: ../outside", "include: '../outside' is outside the repository"),
        ("scorefly.yaml", "path: teams/shop", "path: teams/gone", "include: there is no file teams/gone/scorefly.yaml"),
        ("teams/shop/scorefly.yaml", "$(image)", "$(imgae)", "unknown variable $(imgae) (did you mean 'image'?)"),
        ("teams/shop/scorefly.yaml", "URL/web.git}", "URL/web.git, branch: a, tag: b}",
         "source has both branch and tag"),
        ("teams/shop/scorefly.yaml", "URL/web.git", "file:///etc", "repositories cannot be read over file:"),
        ("teams/shop/scorefly.yaml", "URL/web.git", '"ext::sh -c id"', "is not the URL of a git repository"),
        ("teams/shop/scorefly.yaml", "URL/web.git", "http://example.com/a/b", "http:// would read example.com in clear"),
        ("teams/shop/scorefly.yaml", "path: service", "path: ../x", "source.path: '../x' is outside the repository"),
        ("teams/shop/scorefly.yaml", "after: api", "after: aip", "after: unknown workload 'aip' (did you mean 'api'?)"),
        ("scorefly.yaml", "production: {", "production: {after: nothing, ", "after: unknown environment 'nothing'"),
        ("teams/shop/scorefly.yaml", "after: api", "suspnded: x", "unknown key 'suspnded'"),
        ("teams/shop/scorefly.yaml", "after: api", "app: acme-shop-api", "two workloads have the app 'acme-shop-api'"),
    ],
)  # fmt: skip
def test_invalid_trees_are_refused_with_places(
    tree: TreeWorkspace, name: str, old: str, new: str, message: str
) -> None:
    text = {"scorefly.yaml": ROOT, "teams/shop/scorefly.yaml": SHOP}[name]
    assert old in text
    tree.project(text.replace(old, new), name)
    result = tree.sync()
    assert result.code == 2, result.out + result.err
    assert any(message in line for line in result.problems), result.err
    assert not (tree.workspace.path / ".scorefly/rehearsal/world.json").exists()


def test_all_problems_of_a_tree_are_reported_at_once(tree: TreeWorkspace) -> None:
    tree.project(ROOT.replace("path: fly", "path: fly}\n  - {path: teams/gone"))
    tree.project(
        SHOP.replace("$(image)", "$(a)$(b)").replace("URL/api.git", "URL/api.git, tag: x, commit: y"),
        "teams/shop/scorefly.yaml",
    )
    result = tree.sync()
    assert result.code == 2
    text = "\n".join(result.problems)
    assert all(each in text for each in ("teams/gone", "both tag and commit")), text


def test_fail_fast_begins_no_further_unit(tree: TreeWorkspace) -> None:
    tree.project(ROOT.replace('tier: "9"}', 'tier: "9"}, after: staging'))
    tree.project(
        SHOP.replace("branch: main", "").replace("URL/web.git}", "URL/web.git, branch: gone}"),
        "teams/shop/scorefly.yaml",
    )
    result = tree.sync("--fail-fast")
    assert result.code == 1
    assert "acme-platform-cache" not in tree.workspace.world.get("apps", {})
