"""git's index tells the digests of a build context, and what it tells is what reading the files tells."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.desired.build_context import built_files
from scorefly.desired.git_context import read_git_context
from scorefly.fly.app import App, Build
from workspaces import Workspace

NAMES = st.sampled_from(
    ["a", "b", "src/a", "src/b", "src/deep/a", "out/a", "out/x/b", "new/a", ".dockerignore", "a b\té"]
)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["write", "add", "remove", "executable", "link", "unstage"]), NAMES, st.integers(0, 3)),
    max_size=12,
)


def git(folder: Path, *arguments: str) -> None:
    variables = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "core.autocrlf=false")
    subprocess.run(
        ["git", *identity, *arguments], cwd=folder, env={**os.environ, **variables}, check=True, capture_output=True
    )


def files_of(folder: Path, context: str = ".", **settings: Any) -> dict[str, str]:
    app = App("web", "web", {}, Build(context, f"{context}/Dockerfile"), "")
    return built_files(Settings("plan", folder, environ=dict(os.environ), **settings), app)


def files_without_git(folder: Path, context: str = ".") -> dict[str, str]:
    """The same, where git is not asked: without the empty folders that only this finds."""
    found = files_of(folder, context, scratch=folder)
    return {path: digest for path, digest in found.items() if not path.endswith("/")}


def apply(folder: Path, change: str, name: str, number: int) -> None:
    path = folder / name
    if change == "unstage":
        git(folder, "reset", "--quiet", "--", ".")
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    if change == "remove" or path.is_symlink():
        path.unlink(missing_ok=True)
    if change in ("write", "add"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("*.log\nout\n!out/x\n" if name == ".dockerignore" else f"{number}\n")
    if change == "link" and not path.exists() and name != ".dockerignore":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to("a")
    if change == "executable" and path.is_file():
        path.chmod(0o755)
    if change == "add":
        git(folder, "add", "--force", "--", name)


@settings(max_examples=settings().max_examples // 2)
@given(CHANGES, CHANGES, st.sampled_from(["", "out\nnew/\n", "*\n!src\n"]), st.sampled_from([".", "src"]))
def test_git_and_reading_find_the_same(
    committed: list[tuple[str, str, int]], later: list[tuple[str, str, int]], gitignore: str, context: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        git(folder, "init", "--quiet")
        for path, text in {".gitignore": gitignore, "src/Dockerfile": "FROM a\n", "Dockerfile": "FROM b\n"}.items():
            apply(folder, "write", path, 0)
            (folder / path).write_text(text)
        git(folder, "add", "--all", "--force")
        for change in committed:
            apply(folder, *change)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--allow-empty", "--message", "x")
        for change in later:
            apply(folder, *change)
        assert files_of(folder, context) == files_without_git(folder, context)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    for name in ("Dockerfile", "src/a", "src/b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "x")
    return tmp_path


def test_files_as_git_has_them_are_not_read(checkout: Path) -> None:
    # git is told to go by size and time: a file that differs in neither would be read to notice that it changed.
    for name, value in (("core.trustctime", "false"), ("core.checkStat", "minimal")):
        git(checkout, "config", name, value)
    before, path = files_of(checkout), checkout / "src/a"
    for name in ("src/a", "src/b"):
        os.utime(checkout / name, (1_000_000_000, 1_000_000_000))
    git(checkout, "update-index", "--refresh")
    path.write_text("SRC/A\n")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    (checkout / "src/b").write_text("changed\n")
    changed = {name for name, digest in files_of(checkout).items() if before[name] != digest}
    assert changed == {"src/b"}


@pytest.mark.parametrize("attribute", ["*.bin filter=lfs", "* text eol=crlf", "a ident"])
def test_files_that_git_changes_on_checkout_are_read(checkout: Path, attribute: str) -> None:
    (checkout / "src/.gitattributes").write_text(f"{attribute}\n")
    git(checkout, "add", "--all")
    for name in (".", "src"):
        assert read_git_context(Settings("plan", checkout, environ=dict(os.environ)), checkout / name, checkout) is None


def test_files_that_git_does_not_look_at_are_read(checkout: Path) -> None:
    git(checkout, "update-index", "--assume-unchanged", "src/a")
    git(checkout, "update-index", "--skip-worktree", "src/b")
    (checkout / "src/a").write_text("changed\n")
    (checkout / "src/b").unlink()
    assert files_of(checkout) == files_without_git(checkout)


def test_nested_checkout_is_read(checkout: Path) -> None:
    shutil.copytree(checkout, checkout / "vendor")
    git(checkout, "add", "--all")
    assert "vendor/src/a" in files_of(checkout)
    assert files_of(checkout) == files_without_git(checkout)


def test_checkout_of_untrusted_code_is_not_asked(checkout: Path) -> None:
    trusted = Settings("plan", checkout, environ=dict(os.environ))
    assert read_git_context(trusted, checkout, checkout) is not None
    assert read_git_context(replace(trusted, scratch=checkout), checkout, checkout) is None


def test_commit_changes_nothing_of_a_build(workspace: Workspace) -> None:
    workspace.workload("web", image=".")
    workspace.write("Dockerfile", "FROM scratch\n")
    workspace.write(".dockerignore", ".scorefly\n")
    git(workspace.path, "init", "--quiet")
    assert "1 created" in workspace.run("deploy", "--rehearse").out
    git(workspace.path, "add", "Dockerfile", "web.score.yaml", ".dockerignore")
    git(workspace.path, "commit", "--quiet", "--message", "x")
    result = workspace.run("deploy", "--rehearse")
    assert "1 unchanged" in result.out, result.out + result.err
    workspace.write("Dockerfile", "FROM scratch\nUSER 1\n")
    assert "because Dockerfile changed" in workspace.run("deploy", "--rehearse").err
