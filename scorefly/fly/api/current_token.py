"""The scope of the token that is used."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from scorefly.fly.api.client import FlyClient
from scorefly.http import mapping, objects, text


class CurrentToken(Struct, frozen=True):
    """The scope of a token: `apps` are names, empty where it is for the whole organization."""

    organization: str
    apps: tuple[str, ...]


class TokenCalls(FlyClient):
    """The calls about tokens."""

    def current_tokens(self) -> tuple[CurrentToken, ...]:
        """Return the organizations that the token is for, with the apps where it is for some only."""
        return self.read("GET", "/tokens/current", _current_tokens)


def _current_tokens(data: Any) -> tuple[CurrentToken, ...]:
    found = objects(mapping(data).get("tokens") or [], "tokens")
    return tuple(
        CurrentToken(text(each, "org_slug", ""), tuple(str(app) for app in each.get("apps") or ())) for each in found
    )
