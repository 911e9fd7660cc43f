"""Outputs whose path leads into a .git folder, or that a repository's file puts outside of it, are refused at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from workspaces import Workspace

COMMANDS = (("validate",), ("generate",), ("plan", "--rehearse"), ("deploy", "--rehearse"))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "workspace")
    workspace.write(".git/config", "[core]\n")
    workspace.workload("web")
    return workspace


@pytest.mark.parametrize("line", [
    "artefacts: .git/x", "artefacts: .GIT", "artefacts: ../x", "artefacts: build/../../x", "artefacts: /tmp/x",
    "state: file:.git/config", "state: file:x/.Git/config", "state: file:../x",
    "environments: {local: {artefacts: .git}}",
])  # fmt: skip
def test_project_file_cannot_put_outputs_there(tmp_path: Path, workspace: Workspace, line: str) -> None:
    workspace.write("scorefly.yaml", f"region: ams\n{line}\n")
    before = sorted(tmp_path.rglob("*"))
    for command in COMMANDS:
        result = workspace.run(*command)
        assert result.code == 2
        assert "scorefly.yaml:2:1: " in result.err or "scorefly.yaml:2:24: " in result.err, result.err
        assert "in a .git folder" in result.err or "is outside the workspace" in result.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("given", [
    {"artefacts": ".git/x"}, {"artefacts": "../x"}, {"state": "file:.git/config"}, {"state": "file:../x"},
    {"artefacts": "a/.GIT/b"},
])  # fmt: skip
def test_input_cannot_put_outputs_there(tmp_path: Path, workspace: Workspace, given: dict[str, str]) -> None:
    result = workspace.action({"command": "generate", "rehearse": "true", **given})
    assert result.code == 2
    assert f"{next(iter(given))}: " in result.out
    assert not (workspace.path / ".scorefly").exists()
    assert not (tmp_path / "x").exists()
    assert (workspace.path / ".git/config").read_text() == "[core]\n"


def test_command_line_may_put_outputs_outside_the_workspace(tmp_path: Path, workspace: Workspace) -> None:
    result = workspace.run("generate", "--artefacts", "../out", "--state", f"file:{tmp_path}/state")
    assert result.code == 0, result.err
    assert (tmp_path / "out/local/web/fly.toml").exists()
    assert (tmp_path / "state").exists()


@pytest.mark.parametrize("below", ["local", "local/web", "local/web/files", "local/web/fly.toml"])
def test_links_below_absolute_artefacts_are_not_followed(tmp_path: Path, workspace: Workspace, below: str) -> None:
    outside = tmp_path / "outside"
    (outside / "web/files").mkdir(parents=True)
    (outside / "keep").write_text("theirs")
    link = tmp_path / "out" / below
    link.parent.mkdir(parents=True)
    link.symlink_to(outside / "keep" if below.endswith(".toml") else outside)
    result = workspace.run("generate", "--artefacts", str(tmp_path / "out"))
    assert result.code == 2
    assert "is a symbolic link" in result.err
    assert sorted(outside.rglob("*")) == [outside / "keep", outside / "web", outside / "web/files"]


@pytest.mark.parametrize("ending", ["", ".key", ".scorefly-lock"])
def test_links_beside_a_state_file_are_not_followed(tmp_path: Path, workspace: Workspace, ending: str) -> None:
    (tmp_path / "keep").write_text("theirs")
    (workspace.path / f"state{ending}").symlink_to(tmp_path / "keep")
    result = workspace.run("generate", "--state", "file:state")
    assert result.code == 2, result.err
    assert "is a symbolic link" in result.err
    assert (tmp_path / "keep").read_text() == "theirs"


def test_hard_link_in_an_artefact_is_replaced_and_not_written_through(tmp_path: Path, workspace: Workspace) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    folder = workspace.path / ".scorefly/out/local/web"
    folder.mkdir(parents=True)
    (folder / "fly.toml").hardlink_to(theirs)
    assert workspace.run("generate").code == 0
    assert theirs.read_text() == "theirs"
    assert "app = " in (folder / "fly.toml").read_text()
    assert (folder / "fly.toml").stat().st_nlink == 1


def test_workspace_reached_through_a_link_works(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "link").symlink_to(workspace.path)
    assert Workspace(tmp_path / "link").run("generate").code == 0
    assert (workspace.path / ".scorefly/out/local/web/fly.toml").exists()
