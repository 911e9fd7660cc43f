"""Reads the event that started the workflow from the runner's file into one frozen value.

Formats: https://docs.github.com/webhooks/webhook-events-and-payloads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from scorefly.github.api import PullView, pull_view
from scorefly.problems import InputError, Problem, ScoreflyError, external_error, input_error

Request = Literal["deploy", "destroy", ""]

_DEPLOYING = ("opened", "synchronize", "reopened", "ready_for_review")
_COMMAND = re.compile(r"/preview(?:[ \t]+(destroy))?[ \t]*", re.ASCII)
_NEEDED = "start it from pull_request, pull_request_target, issue_comment or workflow_dispatch"


class Event(Struct, frozen=True):
    """An event, as far as a preview wants to know it.

    `request` is what it asks for: a deploy, a destroy, or nothing, and then `why` says why. `pull` is the pull
    request as it was when it happened; None where the event names only its number. `sender` is whose doing it was.
    """

    name: str
    action: str
    number: int
    request: Request
    why: str = ""
    pull: PullView | None = None
    sender: str = ""
    rerun: bool = False

    @property
    def asked(self) -> bool:
        """Decide whether a person asked in a comment: anybody may write one."""
        return self.name == "issue_comment"


def read_event(environ: Mapping[str, str]) -> Event:
    """The event of this run, from `GITHUB_EVENT_NAME` and the file at `GITHUB_EVENT_PATH`.

    Raises InputError when there is none or when it names no pull request.
    """
    name, path = environ.get("GITHUB_EVENT_NAME", ""), environ.get("GITHUB_EVENT_PATH", "")
    if not name or not path:
        raise input_error("a preview is of a pull request, and no event names one", f"run it in a workflow: {_NEEDED}")
    try:
        payload = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise external_error(f"the event at GITHUB_EVENT_PATH cannot be read: {type(error).__name__}") from error
    return parse_event(name, payload, rerun=environ.get("GITHUB_RUN_ATTEMPT", "1") != "1")


def read_pull_event(environ: Mapping[str, str]) -> Event | None:
    """The event of this run where it is one of a pull request, which it then holds; else None."""
    if environ.get("GITHUB_EVENT_NAME") not in ("pull_request", "pull_request_target"):
        return None
    try:
        return read_event(environ)
    except ScoreflyError:
        return None


def from_fork(environ: Mapping[str, str]) -> bool:
    """Decide whether the event itself says that its pull request comes from a fork. A comment's event does not."""
    event = read_pull_event(environ)
    return bool(event and event.pull and event.pull.fork)


def parse_event(name: str, payload: Any, *, rerun: bool = False) -> Event:
    """The event of a payload. Raises InputError for one that can name no pull request."""
    reader = {
        "pull_request": _pull_request,
        "pull_request_target": _pull_request,
        "issue_comment": _issue_comment,
        "workflow_dispatch": _workflow_dispatch,
    }.get(name)
    if reader is None:
        raise input_error(f"a preview is of a pull request, and a {name} event names none", _NEEDED)
    try:
        return reader(name, payload, rerun)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(Problem(f"the {name} event is not as GitHub documents it: {error!r}")) from error


def _pull_request(name: str, payload: Mapping[str, Any], rerun: bool) -> Event:
    action, pull = str(payload["action"]), pull_view(payload["pull_request"])
    request: Request = "destroy" if action == "closed" else "deploy" if action in _DEPLOYING else ""
    why = "" if request else f"a pull request that was {action.replace('_', ' ')} needs no other preview"
    return Event(name, action, pull.number, request, why, pull, _login(payload), rerun)


def _issue_comment(name: str, payload: Mapping[str, Any], rerun: bool) -> Event:
    action, issue, comment = str(payload["action"]), payload["issue"], payload["comment"]
    first_line = (str(comment.get("body") or "").splitlines() or [""])[0]
    command = _COMMAND.fullmatch(first_line)
    request: Request = ""
    why = ""
    if not issue.get("pull_request"):
        why = "the comment is on an issue, not on a pull request"
    elif action != "created":
        why = f"a comment that was {action} asks for nothing"
    elif command is None:
        why = "the comment does not begin with /preview or /preview destroy"
    elif comment["user"].get("type") == "Bot":
        why = "a bot's comment asks for nothing"
    else:
        request = "destroy" if command[1] else "deploy"
    # Who wrote the comment counts, not who set the event off.
    return Event(name, action, int(issue["number"]), request, why, None, str(comment["user"]["login"]), rerun)


def _workflow_dispatch(name: str, payload: Mapping[str, Any], rerun: bool) -> Event:
    inputs = payload.get("inputs") or {}
    number = str(inputs.get("number", "")).strip().removeprefix("#")
    if not re.fullmatch(r"[1-9][0-9]{0,8}", number, re.ASCII):
        hint = "give the workflow an input called `number`, with the number of a pull request"
        raise input_error("workflow_dispatch names no pull request", hint)
    destroy = str(inputs.get("destroy", "")).lower() == "true"
    return Event(name, "", int(number), "destroy" if destroy else "deploy", "", None, _login(payload), rerun)


def _login(payload: Mapping[str, Any]) -> str:
    return str((payload.get("sender") or {}).get("login", ""))


def preview_environment(environ: Mapping[str, str]) -> str:
    """The environment of the pull request that the event is about. Raises InputError when it is about none."""
    return f"pr-{read_event(environ).number}"
