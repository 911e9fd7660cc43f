"""Signatures of deliveries: HMAC-SHA256 computed while the body arrives, compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Protocol

WINDOW = 300.0  # seconds that a Standard Webhooks timestamp may be away from our clock
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_MAX_SIGNATURES = 8  # in one header: a sender that rotates its key sends two


class Check(Protocol):
    """The verification of one delivery."""

    def feed(self, chunk: bytes) -> None:
        """Take the next part of the body."""
        ...

    def matches(self) -> bool:
        """Report whether a valid secret signed the whole body."""
        ...


class HmacCheck:
    """Verify that one of several keys gives one of the signatures."""

    def __init__(self, keys: Sequence[bytes], signatures: Sequence[bytes], prefix: bytes = b"") -> None:
        self._digests = [hmac.new(key, prefix, "sha256") for key in keys]
        self._signatures = signatures

    def feed(self, chunk: bytes) -> None:
        """Take the next part of the body."""
        for digest in self._digests:
            digest.update(chunk)

    def matches(self) -> bool:
        """Compare every key's digest with every signature, always all of them."""
        digests = [digest.digest() for digest in self._digests]
        results = [hmac.compare_digest(digest, signature) for digest in digests for signature in self._signatures]
        return any(results)


class TokenCheck:
    """Verify a token that is sent as it is; the body plays no part."""

    def __init__(self, secrets: Sequence[str], token: str) -> None:
        results = [hmac.compare_digest(secret.encode(), token.encode()) for secret in secrets]
        self._matches = any(results)

    def feed(self, chunk: bytes) -> None:
        """Take the next part of the body."""

    def matches(self) -> bool:
        """Report whether the token is one of the secrets."""
        return self._matches


def hex_check(secrets: Sequence[str], signature: str, prefix: str = "") -> HmacCheck | None:
    """Begin to verify a hexadecimal signature; None when it is missing or malformed."""
    if not signature.startswith(prefix) or not _HEX.fullmatch(signature[len(prefix) :]):
        return None
    return HmacCheck([secret.encode() for secret in secrets], [bytes.fromhex(signature[len(prefix) :])])


def standard_check(headers: Mapping[str, str], secrets: Sequence[str], now: float) -> HmacCheck | None:
    """Begin to verify a Standard Webhooks delivery; None when a header is missing, malformed, too old or too new."""
    identity, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not identity or not _TIMESTAMP.fullmatch(timestamp) or abs(now - int(timestamp)) > WINDOW:
        return None
    versions = [each.partition(",") for each in headers.get("webhook-signature", "").split(" ")[:_MAX_SIGNATURES]]
    signatures = [decode_base64(signature) for version, _, signature in versions if version == "v1"]
    valid = [each for each in signatures if each is not None and len(each) == 32]
    if not valid:
        return None
    keys = [key for secret in secrets for key in standard_keys(secret)]
    return HmacCheck(keys, valid, f"{identity}.{timestamp}.".encode())


def standard_keys(secret: str) -> list[bytes]:
    """Return the keys that a Standard Webhooks secret can mean: base64 after `whsec_`, else base64 or plain text."""
    if secret.startswith("whsec_"):
        key = decode_base64(secret.removeprefix("whsec_"))
        return [key] if key else []
    key = decode_base64(secret)
    return [secret.encode(), *([key] if key and len(key) >= 16 else [])]


def decode_base64(text: str) -> bytes | None:
    """Decode base64 with or without padding; None for anything else."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
