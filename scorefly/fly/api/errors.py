"""The errors of Fly's API: what a refusal means, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable

from scorefly.http import Answer, MalformedAnswerError
from scorefly.problems import ExternalError, Problem, shortened

_HINTS = {
    401: "the Fly API token is not accepted: check fly-api-token",
    402: "the organization has no payment method, or owes money: see its billing at https://fly.io/dashboard",
    403: "the Fly API token may not do this: new apps need a token of the organization (`fly tokens create org`), "
    "and a deploy token of one app deploys that app only",
    429: "Fly limits the rate of requests: wait and run it again, or lower max-parallel",
    500: "Fly has a problem: try again later",
    502: "Fly has a problem: try again later",
    503: "Fly has a problem: try again later",
    504: "Fly has a problem: try again later",
}
STATUS_HINT = "try again later; https://status.flyio.net shows known problems"


class RefusedError(ExternalError):
    """Fly answered that the request is at fault (HTTP 4xx but 408), and changed nothing."""


class ForbiddenError(RefusedError):
    """The token may not do what was asked."""


def answered_error(answer: Answer, what: str, hidden: Iterable[str] = ()) -> ExternalError:
    """Return the error of an answer: what failed, Fly's reason without the `hidden` texts, and a hint."""
    reason = reason_of(answer)
    for secret in hidden:
        reason = reason.replace(secret, "***")
    request_id = answer.headers.get("Fly-Request-Id", "")
    about = f"{what}: {reason} (HTTP {answer.status_code}{f', request {request_id}' if request_id else ''})"
    problem = Problem(about, _HINTS.get(answer.status_code, _hint(reason)))
    if answer.status_code == 403:
        return ForbiddenError(problem)
    is_refusal = 400 <= answer.status_code < 500 and answer.status_code != 408
    return (RefusedError if is_refusal else ExternalError)(problem)


def reason_of(answer: Answer) -> str:
    """Return the reason that an answer gives, on one line and cut off."""
    try:
        data = answer.json()
    except MalformedAnswerError:
        data = {}
    found = (data.get("error") or data.get("message")) if isinstance(data, dict) else None
    return shortened(" ".join(str(found or answer.text or answer.reason).split()), 500)


def _hint(reason: str) -> str:
    return "app names are unique over all of Fly: choose another app-prefix" if "taken" in reason.lower() else ""


def unreachable(method: str, path: str, error: Exception) -> ExternalError:
    """Return the error of a call without a whole answer."""
    message = f"Fly cannot be reached: no whole answer to {method} {path} ({type(error).__name__})"
    return ExternalError(Problem(message, "check the network, and https://status.flyio.net"))


def malformed(method: str, path: str, error: Exception) -> ExternalError:
    """Return the error of an answer of another shape than Fly's."""
    return ExternalError(Problem(f"Fly answered {method} {path} with something unexpected: {error}", STATUS_HINT))
