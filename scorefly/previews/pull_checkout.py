"""Finds out which commit of a pull request is checked out."""

from __future__ import annotations

from scorefly.config.settings import Settings
from scorefly.git.history import checked_out
from scorefly.github.api import PullView
from scorefly.github.event import Event
from scorefly.problems import Problem


def base_checked_out(settings: Settings, event: Event) -> bool:
    """Decide whether the checkout is at the commit of the repository's own branch that the event runs for."""
    at = checked_out(settings.workspace, settings.environ) if event.name != "pull_request" else None
    return bool(at and at.commit and at.commit == settings.environ.get("GITHUB_SHA"))


def head_checked_out(settings: Settings, event: Event, pull: PullView) -> str | Problem:
    """Return the pull request's head if that, or GitHub's merge of it, is checked out; else what to check out.

    The second parent of GitHub's merge is the head. The head is the one the event names, or the one the API names by
    now. Empty where there is no git repository to tell.
    """
    at = checked_out(settings.workspace, settings.environ)
    if at is None:
        return ""
    for head in (pull.head_sha, *([event.pull.head_sha] if event.pull else [])):
        if at.commit == head or (len(at.parents) == 2 and at.parents[1] == head):
            return head
    hint = f"give actions/checkout `ref: refs/pull/{event.number}/head`"
    if pull.fork and event.name == "pull_request_target":
        hint += " and `allow-unsafe-pr-checkout: true`"
    what = f"is at {at.commit[:7]}" if at.commit else "cannot be read by git"
    return Problem(f"the checkout {what}, and the head of pull request {event.number} is {pull.head_sha[:7]}", hint)
