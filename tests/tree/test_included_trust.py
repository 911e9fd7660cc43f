"""What a project of another repository may do: only what the include allows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tree_repositories import TreeWorkspace, tree_workspace

ROOT = "include: [{source: {repo: URL/platform.git}MORE}]\nenvironments: {production: {}}\n"
SCORE = """\
apiVersion: score.dev/v1b1
metadata: {name: web}
containers:
  main:
    image: nginx:1.27
    variables: {KEY: "${resources.key.value}"}
resources:
  key: {type: TYPE, params: {name: API_KEY}}
"""
PROVISIONERS = "- {uri: static://platform/own, type: own, outputs: {value: x}}\n"


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        files: dict[str, str | None] = {
            "scorefly.yaml": "project: platform\nworkloads: {web: {secrets: [API_KEY]}}\n",
            "score.yaml": SCORE.replace("TYPE", "secret"),
            ".scorefly/own.provisioners.yaml": PROVISIONERS,
        }
        tree.repositories.commit("platform", files)
        tree.secrets = {"API_KEY": "canary-8c1f3b7e5d"}
        yield tree


def test_project_of_another_repository_grants_no_more_secrets_than_its_include(tree: TreeWorkspace) -> None:
    tree.project(ROOT.replace("MORE", ""))
    result = tree.sync()
    assert result.code == 2
    assert "secret API_KEY is not granted to web" in result.err
    tree.project(ROOT.replace("MORE", ", secrets: [API_KEY]"))
    assert tree.statuses() == {"web": "created"}


def test_provisioners_of_another_repository_count_only_where_the_include_says_so(tree: TreeWorkspace) -> None:
    tree.repositories.commit("platform", {"score.yaml": SCORE.replace("TYPE", "own")})
    tree.project(ROOT.replace("MORE", ""))
    result = tree.sync()
    assert result.code == 2
    assert "no provisioner for resource type 'own'" in result.err
    tree.project(ROOT.replace("MORE", ", provisioners: true"))
    assert tree.statuses() == {"web": "created"}


def test_repository_that_includes_itself_is_refused_with_the_chain(tree: TreeWorkspace) -> None:
    include = f"include: [{{source: {{repo: {tree.repositories.url('platform')}}}}}]\n"
    tree.repositories.commit("platform", {"scorefly.yaml": f"project: platform\n{include}"})
    tree.project(ROOT.replace("MORE", ""))
    result = tree.sync()
    assert result.code == 2
    assert "projects include each other: scorefly.yaml -> platform -> " in result.err
