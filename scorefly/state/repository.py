"""The repository a run belongs to: where it is, which commit this is, who runs."""

from __future__ import annotations

import os
import re
from pathlib import Path

from scorefly.config.checkout import checkout, commit_of
from scorefly.config.settings import Settings
from scorefly.git.history import origin
from scorefly.git.remote import Address, address_of
from scorefly.problems import input_error, option_place
from scorefly.state.git_lock import Holder
from scorefly.state.own_process import identify_process

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def address(settings: Settings) -> Address:
    """The repository GitHub names, else the checkout's remote called origin."""
    trigger = settings.trigger
    url = f"{trigger.server}/{trigger.repository}" if trigger.repository else origin(checkout(settings))
    if not url:
        hint = "add one with `git remote add origin URL`, or say state: file"
        raise input_error(
            "this is not a clone of a repository with a remote called origin", hint, option_place("state")
        )
    return address_of(url, trigger.server, settings.github_token)


def commit(settings: Settings, folder: Path) -> str:
    """Return the commit checked out at `folder`, else the one that started the run; empty where both are unknown.

    `GITHUB_SHA` is another one for workflow_run, for pull_request_target, and where actions/checkout was given a `ref`.
    In a preview it is the pull request's head, because GitHub's merge of it is not an ancestor of the next one.
    """
    trigger = settings.trigger
    deployed = trigger.commit if trigger.is_pull_head else commit_of(settings, folder) or trigger.commit
    return deployed if _COMMIT.fullmatch(deployed) else ""


# Set by a listener: the name under which it runs a unit, one process at a time.
INSTANCE = "SCOREFLY_INSTANCE"


def holder(settings: Settings) -> Holder:
    """Return who the lock says is at work."""
    if settings.trigger.actor:
        return Holder(settings.trigger.actor, settings.trigger.link, settings.trigger.run, process=identify_process())
    instance = settings.environ.get(INSTANCE, "")
    name = f"{_user()} (process {os.getpid()} on {os.uname().nodename})"
    return Holder(name, instance=instance, process=identify_process())


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
