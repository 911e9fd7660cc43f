"""Events of git hosts, reduced to hints: which repository and ref may have changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

MAX_URL = 500  # characters
MAX_REF = 300  # characters

Kind = Literal["push", "deleted", "ping", "other"]


class MalformedPayloadError(ValueError):
    """A signed body is not the JSON its sender documents."""


class Hint(Struct, frozen=True):
    """A repository that may have changed, by its addresses, and the full name of the ref ("" when unknown)."""

    addresses: tuple[str, ...]
    ref: str = ""


class Event(Struct, frozen=True):
    """A verified delivery: its kind, the sender's word for it, and the hints it gives."""

    kind: Kind
    name: str
    hints: tuple[Hint, ...] = ()


def parse_object(body: bytes | str) -> Mapping[str, Any]:
    """Parse a JSON object. Raises MalformedPayloadError for anything else."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedPayloadError("the body is not JSON") from error
    if not isinstance(data, dict):
        raise MalformedPayloadError("the body is not a JSON object")
    return data


def member(data: Any, *names: str) -> Any:
    """Return the member at a path of objects, or None."""
    for name in names:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def text(data: Any, *names: str, limit: int = MAX_URL) -> str:
    """Return the string at a path of objects; empty when it is missing or another type.

    Raises MalformedPayloadError for one that is too long or has control characters.
    """
    value = member(data, *names)
    if not isinstance(value, str):
        return ""
    if len(value) > limit or not value.isprintable():
        raise MalformedPayloadError(f"{'.'.join(names)} is not a valid string")
    return value


def addresses(data: Any, *paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return the repository's addresses at these paths. Raises MalformedPayloadError when there is none."""
    found = tuple(dict.fromkeys(value for path in paths if (value := text(data, *path))))
    if not found:
        raise MalformedPayloadError("the body names no repository")
    return found


def push(name: str, repository: tuple[str, ...], ref: str, after: str) -> Event:
    """Return a push, or the deletion of a ref, which is recognised by an `after` of zeros."""
    if after and not after.strip("0"):
        return Event("deleted", name, (Hint(repository, ref),))
    return Event("push", name, (Hint(repository, ref),))
