"""The repository a run belongs to: where it is, which commit this is, who runs."""

from __future__ import annotations

import os
import re

from scorefly.git.history import origin
from scorefly.git.remote import Address, address_of
from scorefly.problems import option_place, wrong
from scorefly.run.checkout import checked_out, checkout
from scorefly.run.settings import Settings
from scorefly.state.git_lock import Holder

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


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


def holder(settings: Settings) -> Holder:
    """Who the lock says is at work."""
    if settings.trigger.actor:
        return Holder(settings.trigger.actor, settings.trigger.link, settings.trigger.run)
    return Holder(f"{_user()} (process {os.getpid()} on {os.uname().nodename})")


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
