"""What git says of the workspace: the repository on GitHub, and the commit that is checked out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from scorefly.git.history import head, origin
from scorefly.git.process import Git
from scorefly.problems import InputError
from scorefly.run.settings import Settings

_ON_GITHUB = re.compile(r"(?:^|[/@.])github\.com(?::[0-9]+(?=/))?[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?$", re.ASCII)


def repository(environ: Mapping[str, str], workspace: Path) -> str:
    """Return the repository as `owner/name` in lower case, as GitHub compares them; empty when there is none.

    Outside of GitHub it is where the remote called origin leads.
    """
    if given := environ.get("GITHUB_REPOSITORY"):
        return given.lower()
    try:
        url = origin(Git(workspace, environ), push=False)
    except InputError:
        return ""
    match = _ON_GITHUB.search(url)
    return match[1].lower() if match else ""


def checked_out(settings: Settings) -> str:
    """Return the commit that the workspace is at; empty outside of a repository, and where there is no git."""
    try:
        return head(checkout(settings))
    except InputError:
        return ""


def checkout(settings: Settings) -> Git:
    """git in the workspace."""
    return Git(settings.workspace, settings.environ)
