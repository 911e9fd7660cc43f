"""GitHub: HMAC-SHA256 of the body in X-Hub-Signature-256; JSON, or a form with the JSON in `payload`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from scorefly.listen.hosts.event import (
    MAX_REF,
    Event,
    MalformedPayloadError,
    addresses,
    parse_object,
    push,
    text,
)
from scorefly.listen.hosts.signature import Check, hex_check

REPOSITORY = (("repository", "clone_url"), ("repository", "ssh_url"), ("repository", "html_url"))


def begin(headers: Mapping[str, str], secrets: Sequence[str], _now: float) -> Check | None:
    """Begin to verify a delivery; None when it is not signed."""
    return hex_check(secrets, headers.get("x-hub-signature-256", ""), "sha256=")


def read(headers: Mapping[str, str], body: bytes) -> Event:
    """Read a verified delivery. Raises MalformedPayloadError."""
    name = headers.get("x-github-event", "")
    data = parse_object(_payload(headers, body))
    if name == "ping":
        return Event("ping", name)
    if name != "push":
        return Event("other", name or "no X-GitHub-Event")
    return push(name, addresses(data, *REPOSITORY), text(data, "ref", limit=MAX_REF), text(data, "after"))


def _payload(headers: Mapping[str, str], body: bytes) -> bytes | str:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return body
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=4)
    except ValueError as error:
        raise MalformedPayloadError("the body is not a form") from error
    return fields.get("payload", [""])[0]
