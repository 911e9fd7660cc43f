"""The repository a run belongs to: where it is, which commit this is, who runs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from scorefly.git.history import head, origin
from scorefly.git.process import Git
from scorefly.git.remote import Address, address_of
from scorefly.problems import InputError, option_place, wrong
from scorefly.run.settings import Settings
from scorefly.state.git_lock import Holder

_ON_GITHUB = re.compile(r"(?:^|[/@.])github\.com(?::[0-9]+(?=/))?[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?$", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


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


def address(settings: Settings) -> Address:
    """The repository GitHub names, else the checkout's remote called origin."""
    trigger = settings.trigger
    url = f"{trigger.server}/{trigger.repository}" if trigger.repository else origin(checkout(settings))
    if not url:
        hint = "add one with `git remote add origin URL`, or say state: file"
        raise wrong("this is no clone of a repository with a remote called origin", hint, option_place("state"))
    return address_of(url, trigger.server, settings.github_token)


def commit(settings: Settings) -> str:
    """The commit this run is of; empty outside of a repository, and where there is no git."""
    found = settings.trigger.commit or checked_out(settings)
    return found if _COMMIT.fullmatch(found) else ""


def checked_out(settings: Settings) -> str:
    """Return the commit that the workspace is at; empty outside of a repository, and where there is no git."""
    try:
        return head(checkout(settings))
    except InputError:
        return ""


def holder(settings: Settings) -> Holder:
    """Who the lock says is at work."""
    if settings.trigger.actor:
        return Holder(settings.trigger.actor, settings.trigger.link)
    return Holder(f"{_user()} (process {os.getpid()} on {os.uname().nodename})")


def checkout(settings: Settings) -> Git:
    """git in the workspace."""
    return Git(settings.workspace, settings.environ)


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
