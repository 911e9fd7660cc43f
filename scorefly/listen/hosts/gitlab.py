"""GitLab: a token in X-Gitlab-Token, or Standard Webhooks where a signing token is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scorefly.listen.hosts.event import MAX_REF, Event, addresses, parse_object, push, text
from scorefly.listen.hosts.signature import Check, TokenCheck, standard_check

_REPOSITORY = (
    ("project", "git_http_url"),
    ("project", "git_ssh_url"),
    ("project", "web_url"),
    ("repository", "git_http_url"),
    ("repository", "homepage"),
)


def begin(headers: Mapping[str, str], secrets: Sequence[str], now: float) -> Check | None:
    """Begin to verify a delivery; None when it is neither signed nor has a token.

    A signed delivery is judged by its signature alone, whatever token it also has.
    """
    if "webhook-signature" in headers:
        return standard_check(headers, secrets, now)
    token = headers.get("x-gitlab-token", "")
    return TokenCheck(secrets, token) if token else None


def read(headers: Mapping[str, str], body: bytes) -> Event:
    """Read a verified delivery. Raises MalformedPayloadError."""
    data = parse_object(body)
    name = text(data, "object_kind") or text(data, "event_name") or headers.get("x-gitlab-event", "")
    if name not in ("push", "tag_push"):
        return Event("other", name or "no object_kind")
    return push(name, addresses(data, *_REPOSITORY), text(data, "ref", limit=MAX_REF), text(data, "after"))
