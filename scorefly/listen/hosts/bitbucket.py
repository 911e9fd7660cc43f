"""Bitbucket Cloud and Data Center: HMAC-SHA256 of the body in X-Hub-Signature, GitHub's name for its old SHA-1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scorefly.listen.hosts.event import (
    MAX_REF,
    Event,
    Hint,
    MalformedPayloadError,
    addresses,
    member,
    parse_object,
    text,
)
from scorefly.listen.hosts.signature import Check, hex_check

_MAX_CHANGES = 100


def begin(headers: Mapping[str, str], secrets: Sequence[str], _now: float) -> Check | None:
    """Begin to verify a delivery; None when it is not signed."""
    return hex_check(secrets, headers.get("x-hub-signature", ""), "sha256=")


def read(headers: Mapping[str, str], body: bytes) -> Event:
    """Read a verified delivery. Raises MalformedPayloadError."""
    name = headers.get("x-event-key", "")
    data = parse_object(body)
    if name == "diagnostics:ping":
        return Event("ping", name)
    if name == "repo:push":
        return _event(name, addresses(data, ("repository", "links", "html", "href")), _cloud_refs(data))
    if name == "repo:refs_changed":
        return _event(name, _clone_links(data), _server_refs(data))
    return Event("other", name or "no X-Event-Key")


def _event(name: str, repository: tuple[str, ...], refs: list[tuple[str, bool]]) -> Event:
    kept = dict.fromkeys(ref for ref, is_there in refs if is_there)
    if not kept and refs:
        return Event("deleted", name, tuple(Hint(repository, ref) for ref, _ in refs))
    return Event("push", name, tuple(Hint(repository, ref) for ref in kept) or (Hint(repository),))


def _cloud_refs(data: Any) -> list[tuple[str, bool]]:
    """Return the changed refs, each with whether it is still there. A push that was cut names none."""
    refs = []
    for change in _changes(member(data, "push", "changes")):
        state = member(change, "new") or member(change, "old")
        name = text(state, "name", limit=MAX_REF)
        folder = "tags" if text(state, "type") == "tag" else "heads"
        if name:
            refs.append((f"refs/{folder}/{name}", member(change, "new") is not None))
    return refs


def _server_refs(data: Any) -> list[tuple[str, bool]]:
    changes = _changes(member(data, "changes"))
    refs = [(text(each, "ref", "id", limit=MAX_REF), text(each, "type") != "DELETE") for each in changes]
    return [(ref, is_there) for ref, is_there in refs if ref]


def _changes(changes: Any) -> list[Any]:
    if not isinstance(changes, list):
        raise MalformedPayloadError("the body has no list of changes")
    return changes[:_MAX_CHANGES]


def _clone_links(data: Any) -> tuple[str, ...]:
    links = member(data, "repository", "links", "clone")
    found = [text(each, "href") for each in links] if isinstance(links, list) else []
    if not any(found):
        raise MalformedPayloadError("the body names no repository")
    return tuple(dict.fromkeys(each for each in found if each))
