"""The checkout that a run works on, as git tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from scorefly.problems import InputError

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_GITHUB = re.compile(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?\Z")


def checked_out(workspace: Path, environ: Mapping[str, str]) -> str:
    """Return the commit that is checked out; empty outside of a repository, and where there is no git."""
    from scorefly.git.history import head
    from scorefly.git.process import Git

    try:
        commit = head(Git(workspace, environ))
    except (InputError, OSError):
        return ""
    return commit if _COMMIT.fullmatch(commit) else ""


def repository(environ: Mapping[str, str], workspace: Path) -> str:
    """Return the repository as `owner/name` in lower case, as GitHub compares them; empty when there is none.

    Outside of GitHub it is where the checkout's remote `origin` leads, in a worktree or submodule too.
    """
    if given := environ.get("GITHUB_REPOSITORY"):
        return given.lower()
    from scorefly.git.process import Git

    try:
        done = Git(workspace, environ).run("remote", "get-url", "origin")
    except (InputError, OSError):
        return ""
    match = None if done.code else _GITHUB.search(done.text)
    return match[1].lower() if match else ""
