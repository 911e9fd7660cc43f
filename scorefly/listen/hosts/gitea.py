"""Gitea: HMAC-SHA256 of the body, hexadecimal, in X-Gitea-Signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scorefly.listen.hosts.event import MAX_REF, Event, addresses, parse_object, push, text
from scorefly.listen.hosts.github import REPOSITORY
from scorefly.listen.hosts.signature import Check, hex_check


def begin(headers: Mapping[str, str], secrets: Sequence[str], _now: float) -> Check | None:
    """Begin to verify a delivery; None when it is not signed."""
    return hex_check(secrets, headers.get("x-gitea-signature", ""))


def read(headers: Mapping[str, str], body: bytes) -> Event:
    """Read a verified delivery. Raises MalformedPayloadError."""
    return read_event(headers.get("x-gitea-event", ""), body)


def read_event(name: str, body: bytes) -> Event:
    """Read an event of Gitea or Forgejo, whose payloads are the same. Raises MalformedPayloadError."""
    data = parse_object(body)
    if name != "push":
        return Event("other", name or "no event header")
    return push(name, addresses(data, *REPOSITORY), text(data, "ref", limit=MAX_REF), text(data, "after"))
