"""Decides what a preview does about an event: the table of docs/preview.md as one pure function."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from scorefly.github.api import PullView
from scorefly.github.event import Event

PreviewAction = Literal["deploy", "rehearse", "destroy", "nothing"]

DEPENDABOT = "dependabot[bot]"  # GitHub gives its pull requests no secrets, though they come from no fork


FORK_SECRETS = "its code comes from a fork, which gets no secrets"


class PreviewConditions(Struct, frozen=True):
    """Conditions that are not part of the event. `can_deploy`: there is a Fly API token, or a rehearsal needs none."""

    may_write: bool = False
    can_deploy: bool = True
    allow_forks: bool = False


class Decision(Struct, frozen=True):
    """An action, and why it is not the expected one: a sentence to show, or empty.

    `trusted` says that whoever wrote the code may push to the repository, or was vouched for.
    """

    deed: PreviewAction
    why: str = ""
    trusted: bool = True


def decide(event: Event, pull: PullView, circumstances: PreviewConditions) -> Decision:
    """Return what to do about an event, for a pull request as it is now.

    A fork's code runs with secrets only where `allow_forks` says so, whoever asks and whatever the event.
    """
    if not event.request:
        return Decision("nothing", event.why)
    if event.asked and not circumstances.may_write:
        return Decision("nothing", f"{event.sender} has no write access to the repository")
    if event.request == "destroy":
        return _destroy(event, pull, circumstances)
    if not pull.open:
        return Decision("nothing", "the pull request is closed")
    if event.rerun and event.pull and event.pull.head_sha != pull.head_sha:
        return Decision("nothing", f"the pull request has moved on to {pull.head_sha[:7]}: re-run what that started")
    if pull.fork and not circumstances.allow_forks:
        return Decision("rehearse", FORK_SECRETS, trusted=False)
    if not circumstances.can_deploy and (pull.fork or event.sender == DEPENDABOT):
        return Decision("rehearse", missing_secrets(fork=pull.fork), trusted=False)
    return Decision("deploy")


def missing_secrets(*, fork: bool) -> str:
    """Say why a pull request of a fork or of Dependabot cannot be deployed."""
    return f"GitHub gives a pull request of {'a fork' if fork else 'Dependabot'} no secrets"


def _destroy(event: Event, pull: PullView, circumstances: PreviewConditions) -> Decision:
    if event.rerun and event.action == "closed" and pull.open:
        return Decision("nothing", "the pull request is open again")
    if not circumstances.can_deploy and (pull.fork or event.sender == DEPENDABOT):
        return Decision("nothing", "it had no secrets to be deployed with, so there is nothing to destroy")
    return Decision("destroy")
