"""In a git worktree and in a folder below it, git says which repository and commit this is."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_servers import git
from scorefly.git.history import head
from scorefly.git.process import Git
from workspaces import Workspace


@pytest.fixture
def worktree(tmp_path: Path) -> Workspace:
    """A worktree of a repository on GitHub, in which `.git` is a file."""
    main, other = tmp_path / "main", tmp_path / "other"
    main.mkdir()
    git(main, "init", "--quiet")
    git(main, "commit", "--quiet", "--allow-empty", "-m", "one")
    git(main, "remote", "add", "origin", "https://github.com/Acme/Shop.git")
    git(main, "worktree", "add", "--quiet", "--detach", str(other))
    assert (other / ".git").is_file()
    return Workspace(other)


@pytest.mark.parametrize("folder", ["", "below"])
def test_repository_and_commit_are_known_in_a_worktree(worktree: Workspace, folder: str) -> None:
    workspace = Workspace(worktree.path / folder)
    workspace.path.mkdir(exist_ok=True)
    workspace.workload("web")
    assert workspace.run("deploy", "--rehearse").code == 0
    (machine,) = list(workspace.world["apps"]["web"]["machines"].values())[:1]
    assert machine["config"]["metadata"]["scorefly_owner"] == "acme/shop local web"
    commit = git(worktree.path, "rev-parse", "HEAD")
    assert head(Git(workspace.path, {"PATH": "/usr/bin:/bin"})) == commit
    assert commit in workspace.run("state", "show", "--rehearse").out


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("git@github.com:acme/shop.git", "acme/shop"),
        ("https://token@github.com/acme/shop", "acme/shop"),
        ("ssh://git@ssh.github.com:443/acme/shop.git", "acme/shop"),
        ("https://notgithub.com/acme/shop", "-"),
        ("https://gitlab.example/acme/shop.git", "-"),
    ],
)
def test_origin_names_the_repository(workspace: Workspace, url: str, repository: str) -> None:
    git(workspace.path, "init", "--quiet")
    git(workspace.path, "remote", "add", "origin", url)
    workspace.workload("web")
    assert workspace.run("deploy", "--rehearse").code == 0
    (machine,) = list(workspace.world["apps"]["web"]["machines"].values())[:1]
    assert machine["config"]["metadata"]["scorefly_owner"] == f"{repository} local web"
