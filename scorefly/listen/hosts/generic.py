"""Any program: Standard Webhooks, with `{"repository": URL, "ref": NAME}` as its body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scorefly.listen.hosts.event import MAX_REF, Event, Hint, addresses, parse_object, text
from scorefly.listen.hosts.signature import Check, standard_check


def begin(headers: Mapping[str, str], secrets: Sequence[str], now: float) -> Check | None:
    """Begin to verify a delivery; None when it is not signed, or signed more than five minutes away from now."""
    return standard_check(headers, secrets, now)


def read(_headers: Mapping[str, str], body: bytes) -> Event:
    """Read a verified delivery. Raises MalformedPayloadError."""
    data = parse_object(body)
    if text(data, "type") == "ping":
        return Event("ping", "ping")
    repository = addresses(data, ("repository",), ("repository", "clone_url"), ("repository", "url"))
    return Event("push", "push", (Hint(repository, text(data, "ref", limit=MAX_REF)),))
