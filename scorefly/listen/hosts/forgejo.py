"""Forgejo: as Gitea, with headers of its own name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scorefly.listen.hosts.event import Event
from scorefly.listen.hosts.gitea import read_event
from scorefly.listen.hosts.signature import Check, hex_check


def begin(headers: Mapping[str, str], secrets: Sequence[str], _now: float) -> Check | None:
    """Begin to verify a delivery; None when it is not signed."""
    return hex_check(secrets, headers.get("x-forgejo-signature", ""))


def read(headers: Mapping[str, str], body: bytes) -> Event:
    """Read a verified delivery. Raises MalformedPayloadError."""
    return read_event(headers.get("x-forgejo-event", ""), body)
