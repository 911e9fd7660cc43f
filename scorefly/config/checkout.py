"""Reads from git the repository on GitHub and the commit that is checked out in the workspace."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from scorefly.config.settings import Settings
from scorefly.confined import exists
from scorefly.git.history import checked_out, head, origin
from scorefly.git.process import Git
from scorefly.problems import InputError

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


def source_folder(settings: Settings, files: Iterable[Path]) -> Path:
    """Return the folder of the checkout that the Score files are in.

    It is the workspace, unless that has no `.git` and all files are in one checkout below it: actions/checkout with
    `path`.
    """
    if exists(settings.workspace, ".git"):
        return settings.workspace
    parents = {file.parent for file in files}
    folders = {folder for parent in parents for folder in [_nearest_checkout(settings.workspace, parent)] if folder}
    return folders.pop() if len(folders) == 1 else settings.workspace


def commit_of(settings: Settings, folder: Path) -> str:
    """Return the commit that is checked out at `folder`; empty outside of a repository, and where there is no git.

    On GitHub only the folder's own `.git` counts.
    """
    try:
        at = checked_out(folder, settings.environ)
        if at is None and not settings.trigger.commit:
            return head(Git(folder, settings.environ))
    except InputError:
        return ""
    return at.commit if at else ""


def checkout(settings: Settings) -> Git:
    """git in the workspace."""
    return Git(settings.workspace, settings.environ)


def _nearest_checkout(workspace: Path, folder: Path) -> Path | None:
    path = Path(os.path.normpath(workspace / folder))
    return next(
        (each for each in (path, *path.parents) if each.is_relative_to(workspace) and exists(each, ".git")), None
    )
