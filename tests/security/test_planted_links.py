"""Symbolic links that a repository has committed lead no write and no removal anywhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workspaces import Workspace

COMMANDS = (
    ("generate",),
    ("generate", "--dry-run"),
    ("plan", "--rehearse"),
    ("deploy", "--rehearse"),
    ("deploy", "--rehearse", "--dry-run"),
    ("validate",),
    ("export-secrets", "--file", ".scorefly/secrets.env"),
)
PLACES = (
    ".scorefly",
    ".scorefly/out",
    ".scorefly/out/local",
    ".scorefly/out/local/web",
    ".scorefly/out/local/web/files",
    ".scorefly/out/local/web/fly.toml",
    ".scorefly/state",
    ".scorefly/rehearsal",
    ".scorefly/.gitignore",
    "build",
    "build/nested",
    "build/nested/local",
)
FILES = ("fly.toml", ".gitignore")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    path = tmp_path / "workspace"
    (path / ".git").mkdir(parents=True)
    (path / ".git/config").write_text("[core]\n")
    workspace = Workspace(path)
    workspace.workload("web", "files:\n  /etc/a.conf: {content: planted}\n")
    return workspace


def _entries(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("into_git", [False, True], ids=["outside", "git"])
@pytest.mark.parametrize("place", PLACES)
def test_planted_link_changes_nothing_where_it_leads(
    tmp_path: Path, workspace: Workspace, place: str, into_git: bool
) -> None:
    outside = tmp_path / "outside"
    (outside / "local/web/files").mkdir(parents=True)
    (outside / "keep").write_text("theirs")
    (outside / "local/web/files/keep").write_text("theirs")
    target = workspace.path / ".git" if into_git else outside
    link = workspace.path / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target / ("config" if into_git else "keep") if place.endswith(FILES) else target)
    before = _entries(outside), _entries(workspace.path / ".git")
    extra = ("--artefacts", "build/nested") if place.startswith("build") else ()
    for command in COMMANDS:
        result = workspace.run(*command, *extra)
        assert (_entries(outside), _entries(workspace.path / ".git")) == before, command
        assert "fault" not in result.err
    assert link.is_symlink()


def test_link_in_the_artefact_is_named(workspace: Workspace, tmp_path: Path) -> None:
    files = workspace.path / ".scorefly/out/local/web/files"
    files.parent.mkdir(parents=True)
    files.symlink_to(tmp_path)
    result = workspace.run("generate")
    assert result.code == 2
    assert f"{files} is a symbolic link; scorefly does not write through links (remove it)" in result.err


@pytest.mark.parametrize("artefacts", [".git", ".git/hooks", "out/.GIT"])
def test_artefacts_in_a_git_folder_are_refused(workspace: Workspace, artefacts: str) -> None:
    before = _entries(workspace.path / ".git")
    for path in (artefacts, str(workspace.path / artefacts)):
        assert workspace.run("generate", "--artefacts", path).code == 2
    assert _entries(workspace.path / ".git") == before


@pytest.mark.parametrize("command", [("generate", "--dry-run"), ("deploy", "--rehearse", "--dry-run"), ("validate",)])
def test_dry_runs_write_and_remove_nothing(workspace: Workspace, command: tuple[str, ...]) -> None:
    workspace.write(".scorefly/out/local/web/files/stale", "old")
    before = _entries(workspace.path)
    result = workspace.run(*command)
    assert result.code == 0, result.err
    assert _entries(workspace.path) == before


def test_fifo_in_the_place_of_fly_toml_is_refused(workspace: Workspace) -> None:
    folder = workspace.path / ".scorefly/out/local/web"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "fly.toml")
    result = workspace.run("generate")
    assert result.code == 2
    assert "is not a regular file" in result.err
