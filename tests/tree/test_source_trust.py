"""What a Score file of another repository may read: granted secrets, and files of its own source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from test_canary import FORMS
from tree_repositories import SCORE, TreeWorkspace, tree_workspace

CANARY = FORMS[0]
TREE = """\
workloads:
  web:
    source: {repo: URL/web.git}
    secrets: [GRANTED]
environments: {production: {}}
"""
WITH_SECRET = """\
apiVersion: score.dev/v1b1
metadata: {name: other}
containers:
  main:
    image: nginx:1.27
    variables: {KEY: "${resources.key.value}"}
resources:
  key: {type: secret, params: {name: NAME}}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        tree.repositories.commit("web", {"score.yaml": WITH_SECRET.replace("NAME", "GRANTED")})
        tree.secrets = {"GRANTED": CANARY, "OTHER": "other-1b6e0d2c4f"}
        tree.project(TREE)
        yield tree


def test_granted_secret_reaches_fly_and_is_shown_nowhere(tree: TreeWorkspace) -> None:
    result = tree.sync("--progress", "json")
    assert result.code == 0, result.err + result.out
    assert tree.workspace.world["apps"]["web"]["secrets"]
    texts = [result.out, result.err, *(content.decode(errors="replace") for content in tree.workspace.tree().values())]
    cache = tree.workspace.path.parent / "cache"
    texts += [path.read_bytes().decode(errors="replace") for path in cache.rglob("*") if path.is_file()]
    for form in (*FORMS, tree.repositories.server.token):
        assert not any(form in text for text in texts)


def test_secret_of_the_environment_takes_precedence(tree: TreeWorkspace) -> None:
    tree.statuses()
    tree.secrets["PRODUCTION__GRANTED"] = "canary-of-production-1"
    assert tree.statuses() == {"web": "deployed"}


def test_secret_that_is_not_granted_is_refused(tree: TreeWorkspace) -> None:
    tree.repositories.commit("web", {"score.yaml": WITH_SECRET.replace("NAME", "OTHER")})
    result = tree.sync()
    assert result.code == 2
    assert any("secret OTHER is not granted to web" in line for line in result.problems), result.err
    assert "add it to workloads.web.secrets in scorefly.yaml" in result.err
    tree.project(TREE.replace("[GRANTED]", "[OTHER]"))
    assert tree.statuses() == {"web": "created"}


@pytest.mark.parametrize("kind", ["path", "link", "absolute"])
def test_file_outside_of_the_source_is_refused(tree: TreeWorkspace, kind: str) -> None:
    outside = tree.workspace.write("outside.txt", "of the environments' repository")
    source = {"path": "../../../../outside.txt", "link": "link", "absolute": str(outside)}[kind]
    score = SCORE.format(name="web", image="nginx:1.27") + f"    files: {{/a: {{source: {source}}}}}\n"
    clone = tree.repositories.root / "clones" / "web"
    if kind == "link":
        (clone / "link").symlink_to("../../../../outside.txt")
    tree.repositories.commit("web", {"score.yaml": score})
    result = tree.sync()
    assert result.code == 2, result.out
    assert any(":6:" in line for line in result.problems), result.err


def test_source_brings_no_provisioners_and_no_overlay(tree: TreeWorkspace) -> None:
    tree.repositories.commit(
        "web",
        {
            "score.yaml": SCORE.format(name="web", image="nginx:1.27"),
            ".scorefly/overlay.toml": "kill_timeout = 99\n",
            ".scorefly/bad.provisioners.yaml": "- nothing\n",
            "scorefly.yaml": "org: stolen\n",
        },
    )
    assert tree.statuses() == {"web": "created"}
    assert "kill_timeout" not in tree.workspace.toml("web", "production")


def test_workload_has_the_name_it_is_declared_under(tree: TreeWorkspace) -> None:
    tree.project(TREE.replace("  web:", "  front:"))
    assert tree.statuses() == {"front": "created"}


def test_token_is_sent_to_no_repository_beyond_its_prefix(tree: TreeWorkspace) -> None:
    text = TREE + "access: {HOST/acme/other: {token: READ}}\n"
    tree.workspace.write(
        "scorefly.yaml",
        text.replace("URL", f"{tree.repositories.server.url}/acme").replace("HOST", tree.repositories.server.url[7:]),
    )
    result = tree.sync()
    assert result.code == 1
    assert "access denied" in result.err
    assert not any(password for _, password in tree.repositories.server.requests)
    tree.project(TREE.replace("web.git", "web") + "")
    assert tree.sync().code == 0


def test_credentials_that_are_not_given_are_named(tree: TreeWorkspace) -> None:
    tree.project(TREE)
    text = (tree.workspace.path / "scorefly.yaml").read_text()
    tree.workspace.write("scorefly.yaml", text.replace("token: READ", "token: MISSING"))
    result = tree.sync()
    assert result.code == 2
    assert "access: secret MISSING is not set" in result.err


def test_added_files_and_fragments_change_a_source(tree: TreeWorkspace) -> None:
    score = SCORE.format(name="web", image="nginx:1.27") + "    files: {/etc/site.conf: {source: conf/site.conf}}\n"
    tree.repositories.commit("web", {"score.yaml": score})
    tree.workspace.write("configs/site.conf", "one")
    more = "    add: {conf/site.conf: configs/site.conf}\n    fly: {kill_signal: SIGTERM}\n"
    tree.project(TREE.replace("    secrets", f"{more}    secrets"))
    assert tree.statuses() == {"web": "created"}
    assert tree.workspace.toml("web", "production")["kill_signal"] == "SIGTERM"
    tree.workspace.write("configs/site.conf", "two")
    assert tree.statuses() == {"web": "deployed"}


def test_credentials_for_repositories_are_given_to_no_score_file(tree: TreeWorkspace) -> None:
    tree.repositories.commit("web", {"score.yaml": WITH_SECRET.replace("NAME", "READ")})
    tree.project(TREE.replace("[GRANTED]", "[READ]"))
    result = tree.sync()
    assert result.code == 2
    assert "secret READ is not set" in result.err
