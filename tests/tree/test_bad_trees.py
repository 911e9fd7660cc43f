"""Everything that is wrong with a tree is reported at once, with places, before anything is read or done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tree_repositories import TreeWorkspace, tree_workspace

ROOT = """\
project: root
include:
- {path: shop}
- {path: loop}
- {path: ../outside}
- {source: {repo: "file:///etc"}}
- {source: {repo: "ext::sh -c id"}}
- {source: {repo: URL/platform.git}}
defaults: {fly: {env: {A: $(colour)}}}
workloads:
  web: {source: {repo: URL/web.git, branch: a, tag: b}}
  api: {source: {repo: URL/api.git}, app: acme-one}
  two: {source: {repo: URL/api.git}, app: acme-one, after: nobody}
  mail: {source: {repo: URL/api.git, path: ../../x}, after: web}
  pass: {source: {repo: https://user:canary-41b7@example.com/a/b}}
  jobs: {source: {repo: URL/api.git}, add: {x: ../../secret}}
environments: {production: {after: nowhere}}
"""
SHOP = """\
project: shop
include: [{path: ..}]
workloads: {cart: {source: {repo: "git://example.com/a/b"}, image: $(imgae)}}
vars: {image: nginx}
"""
EXPECTED = [
    ("scorefly.yaml:7:13", "repositories cannot be read over file:"),
    ("scorefly.yaml:8:13", "this is not the URL of a git repository"),
    ("scorefly.yaml:10:24", "unknown variable $(colour)"),
    ("scorefly.yaml:12:", "source has both branch and tag"),
    ("scorefly.yaml:14:", "two workloads have the app 'acme-one'"),
    ("scorefly.yaml:14:", "after: unknown workload 'nobody'"),
    ("scorefly.yaml:15:", "source.path: '../../x' is outside the repository"),
    ("scorefly.yaml:16:", "the URL of a repository cannot hold a user or a password"),
    ("scorefly.yaml:17:", "'../../secret' is outside its folder"),
    ("scorefly.yaml:18:", "after: unknown environment 'nowhere'"),
    ("scorefly.yaml:6:3", "include: '../outside' is outside the repository"),
    ("scorefly.yaml:1:10", "access: secret READ is not set"),
    ("shop/scorefly.yaml:2:", "projects include each other: root -> shop -> ."),
    ("shop/scorefly.yaml:3:", "repositories cannot be read over git:"),
    ("shop/scorefly.yaml:3:", "unknown variable $(imgae) (did you mean 'image'?)"),
    ("loop/scorefly.yaml:1:", "two projects are called 'shop'"),
]


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        tree.project(ROOT)
        tree.project(SHOP, "shop/scorefly.yaml")
        tree.project("project: shop\n", "loop/scorefly.yaml")
        yield tree


@pytest.mark.parametrize("command", ["sync", "plan", "validate", "repos"])
def test_all_problems_are_reported_at_once_and_nothing_is_read(tree: TreeWorkspace, command: str) -> None:
    tree.secrets = {"READ": ""}
    result = tree.sync(command=command)
    assert result.code == 2
    missing = [
        (place, words)
        for place, words in EXPECTED
        if not any(line.startswith(place) and words in line for line in result.problems)
    ]
    assert missing == [], result.err
    assert len(result.problems) == len(set(result.problems)) == len(EXPECTED), result.err
    assert tree.repositories.take_requests() == []
    assert "canary" not in result.out + result.err
    assert not (tree.workspace.path / ".scorefly").exists()


def test_all_problems_are_events_of_json_progress(tree: TreeWorkspace) -> None:
    result = tree.sync("--progress", "json")
    assert result.code == 2
    assert result.out.count('"event":"problem"') == len(EXPECTED) - 1
    assert '"exit_code":2' in result.out


def test_environment_with_an_invalid_name_is_named_in_its_file(tree: TreeWorkspace) -> None:
    tree.project("workloads: {web: {source: {repo: URL/web.git}}}\nenvironments:\n  bad name: {}\n")
    result = tree.sync()
    assert result.code == 2
    assert result.err.startswith("scorefly.yaml:4:3: environment is 'bad name'")
