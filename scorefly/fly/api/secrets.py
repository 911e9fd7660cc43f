"""Secrets of apps: their names and digests, and setting them. Fly never shows a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from scorefly.fly.api.client import FlyClient
from scorefly.http import mapping, objects, text


class SecretView(Struct, frozen=True):
    """A secret's name and Fly's digest of its value; Fly never shows the value."""

    name: str
    digest: str


class SecretCalls(FlyClient):
    """The calls about secrets."""

    def secrets(self, app: str) -> tuple[SecretView, ...]:
        """The names and digests of the app's secrets."""
        return self.read("GET", f"/apps/{app}/secrets", _secrets)

    def update_secrets(self, app: str, values: Mapping[str, str | None]) -> dict[str, str]:
        """Sets secrets, and removes those whose value is None, all in one call. Returns the digests by name."""
        hidden = [value for value in values.values() if value]
        body = {"values": dict(values)}
        found = self.read("POST", f"/apps/{app}/secrets", _secrets, json=body, repeat=True, hidden=hidden)
        return {secret.name: secret.digest for secret in found}


def _secrets(data: Any) -> tuple[SecretView, ...]:
    found = objects(mapping(data).get("secrets") or [], "secrets")
    return tuple(SecretView(text(each, "name"), text(each, "digest", "")) for each in found)
