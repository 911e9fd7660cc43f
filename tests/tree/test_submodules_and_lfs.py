"""Submodules and LFS files of a source: read where the source asks for them, and never otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_servers import git
from tree_repositories import SCORE, TreeWorkspace, tree_workspace

TREE = """\
workloads:
  web: {source: {repo: URL/web.git, ASKED}}
environments: {production: {}}
"""
CHECKOUT = ".scorefly/sources/production/web"


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        tree.repositories.workload("web")
        yield tree


def add_submodule(tree: TreeWorkspace, name: str, url: str, commit: str, path: str = "lib", to: str = "web") -> None:
    """Commit a submodule to the main branch of a repository."""
    clone = tree.repositories.root / "clones" / to
    (clone / ".gitmodules").write_text(f'[submodule "{name}"]\n\tpath = {path}\n\turl = {url}\n')
    git(clone, "add", ".gitmodules")
    git(clone, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    git(clone, "commit", "--quiet", "-m", "submodule")
    git(clone, "push", "--quiet", "--force", "origin", "HEAD:main")


def checked_out(tree: TreeWorkspace, path: str) -> str:
    return (tree.workspace.path / CHECKOUT / path).read_text()


def paths_asked(tree: TreeWorkspace) -> set[str]:
    return {path.split("/")[2] for path in tree.repositories.take_requests()}


def pointer(content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"


def test_submodules_are_read_where_the_source_asks(tree: TreeWorkspace) -> None:
    inner = tree.repositories.commit("inner", {"deep.txt": "deep"})
    tree.repositories.commit("lib", {"lib.txt": "one"})
    add_submodule(tree, "inner", "../inner.git", inner, "below/inner", to="lib")
    lib = git(tree.repositories.root / "clones/lib", "rev-parse", "HEAD")
    add_submodule(tree, "lib", tree.repositories.url("lib"), lib)
    tree.project(TREE.replace("ASKED", "branch: main"))
    assert tree.statuses() == {"web": "created"}
    assert paths_asked(tree) == {"web.git"}
    assert not (tree.workspace.path / CHECKOUT / "lib/lib.txt").exists()
    tree.project(TREE.replace("ASKED", "submodules: true"))
    assert tree.sync().code == 0
    assert checked_out(tree, "lib/lib.txt") == "one"
    assert checked_out(tree, "lib/below/inner/deep.txt") == "deep"
    newer = tree.repositories.commit("other", {"lib.txt": "two"})
    add_submodule(tree, "lib", "../other", newer)
    assert tree.sync().code == 0
    assert checked_out(tree, "lib/lib.txt") == "two"
    assert tree.statuses() == {"web": "unchanged"}
    tree.repositories.take_requests()
    tree.statuses()
    assert paths_asked(tree) == {"web.git"}


def test_submodules_outside_of_the_path_of_a_source_are_not_read(tree: TreeWorkspace) -> None:
    tree.repositories.commit("web", {"app/score.yaml": SCORE.format(name="web", image="nginx:1")})
    add_submodule(tree, "lib", tree.repositories.url("nothing"), "1" * 40)
    tree.project(TREE.replace("ASKED", "path: app, submodules: true"))
    assert tree.statuses() == {"web": "created"}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///etc", "repositories cannot be read over file:"),
        ("ext::sh -c id", "is not the URL of a git repository"),
        ("/srv/git/lib.git", "is not the URL of a git repository"),
        ("--upload-pack=id", "is not the URL of a git repository"),
        ("https://user:canary-5be1@example.com/lib.git", "the URL of a repository cannot hold a user or a password"),
    ],
)
def test_url_of_a_submodule_is_https_or_ssh(tree: TreeWorkspace, url: str, words: str) -> None:
    add_submodule(tree, "lib", url, "1" * 40)
    tree.project(TREE.replace("ASKED", "submodules: true"))
    result = tree.sync()
    assert result.code == 2, result.err
    assert "submodule 'lib'" in result.err
    assert words in result.err
    assert any(line.startswith("scorefly.yaml:3:") for line in result.problems)
    assert "canary" not in result.err + result.out


def test_token_reaches_no_submodule_beyond_its_prefix(tree: TreeWorkspace) -> None:
    lib = tree.repositories.commit("lib", {"lib.txt": "one"})
    add_submodule(tree, "lib", tree.repositories.url("lib"), lib)
    tree.project(TREE.replace("ASKED", "submodules: true"))
    path = tree.workspace.path / "scorefly.yaml"
    path.write_text(path.read_text().replace(": {token: READ}", "/acme/web: {token: READ}", 1))
    result = tree.sync()
    assert result.code == 1
    assert "/acme/lib: access denied" in result.err
    sent = [sent for path, sent in tree.repositories.server.requests if "/lib" in path]
    assert set(sent) == {""}


def test_lfs_files_are_read_where_the_source_asks(tree: TreeWorkspace) -> None:
    content = b"model" * 1000
    tree.repositories.server.lfs[hashlib.sha256(content).hexdigest()] = content
    tree.repositories.commit("web", {"model.bin": pointer(content), "notes.txt": "version https://git-lfs\n"})
    tree.project(TREE.replace("ASKED", "branch: main"))
    assert tree.statuses() == {"web": "created"}
    assert checked_out(tree, "model.bin") == pointer(content)
    assert not [path for path in tree.repositories.take_requests() if "lfs" in path]
    tree.project(TREE.replace("ASKED", "lfs: true"))
    assert tree.sync().code == 0
    assert checked_out(tree, "model.bin") == content.decode()
    assert checked_out(tree, "notes.txt") == "version https://git-lfs\n"
    tree.repositories.take_requests()
    assert tree.sync("--force").code == 0
    assert not [path for path in tree.repositories.take_requests() if "lfs" in path]


def test_lfs_file_that_is_missing_or_another_fails_its_unit(tree: TreeWorkspace) -> None:
    content = b"model" * 1000
    tree.repositories.commit("web", {"model.bin": pointer(content)})
    tree.project(TREE.replace("ASKED", "lfs: true"))
    result = tree.sync()
    assert result.code == 1
    assert "has no LFS file" in result.err
    tree.repositories.server.lfs[hashlib.sha256(content).hexdigest()] = b"other" * 1000
    result = tree.sync()
    assert result.code == 1
    assert "has another content" in result.err
    assert not (tree.workspace.path / ".scorefly/rehearsal/world.json").exists()


def test_flags_that_are_not_true_or_false_are_refused(tree: TreeWorkspace) -> None:
    tree.project(TREE.replace("ASKED", 'submodules: "yes"'))
    result = tree.sync()
    assert result.code == 2
    assert "source.submodules: expected true or false" in result.err
