"""Reads from a Fly API token itself what it is for and when it expires; the token is not verified.

Most tokens are macaroons: https://github.com/superfly/macaroon says what they consist of. All others are opaque.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

from scorefly.fly import msgpack

Kind = Literal["app", "organization", "user", "unknown"]

_PREFIXES = ("fm1r_", "fm1a_", "fm2_")
_API = "api.fly.io"  # in the location of a token that permits; others only confirm who uses it
_ORGANIZATION, _APPS, _VALIDITY, _IF_PRESENT = 0, 3, 4, 13  # types of caveats


class TokenDetails(Struct, frozen=True):
    """The kind, scope and end of a token.

    `kind` is app (a deploy token of apps), organization, user (all that its user may do) or unknown. `expires` is in
    seconds since 1970, None where the token has no end or does not say. The ids are Fly's internal ones.
    """

    kind: Kind
    expires: int | None = None
    organizations: tuple[int, ...] = ()
    apps: tuple[int, ...] = ()


def read_token(token: str) -> TokenDetails:
    """Read a token, or several with commas between them: what any of them permits is permitted."""
    try:
        return _read(token)
    except (ValueError, TypeError, LookupError):
        return TokenDetails("unknown")


def _read(token: str) -> TokenDetails:
    parts = [part.strip() for part in token.strip().removeprefix("FlyV1 ").removeprefix("Bearer ").split(",")]
    if not any(part.startswith(_PREFIXES) for part in parts):
        return TokenDetails("user" if parts[0].startswith("fo1_") else "unknown")
    permits = [caveats for part in parts if (caveats := _caveats(part)) is not None]
    if not permits:
        return TokenDetails("unknown")
    organizations = {each for caveats in permits for each in _ids(caveats, _ORGANIZATION)}
    apps = {each for caveats in permits for each in _ids(caveats, _APPS)}
    is_for_apps = all(any(_ids(caveats, _APPS)) for caveats in permits)
    kind: Kind = "app" if is_for_apps else "organization" if organizations else "user"
    ends = [_end(caveats) for caveats in permits]
    expires = None if None in ends else max(each for each in ends if each is not None)
    return TokenDetails(kind, expires, tuple(sorted(organizations)), tuple(sorted(apps)))


def _caveats(part: str) -> list[tuple[int, Any]] | None:
    """Return the caveats of a token that permits something, as type and body; None for any other."""
    data = msgpack.decode(b64decode(part.partition("_")[2], validate=True))
    _, location, caveats, _ = data
    return list(_pairs(caveats)) if _API in location else None


def _pairs(caveats: list[Any]) -> Iterator[tuple[int, Any]]:
    """Yield type and body of each caveat, also of those that only count where they apply."""
    for kind, body in zip(caveats[::2], caveats[1::2], strict=True):
        yield kind, body
        if kind == _IF_PRESENT:
            yield from ((inner, each) for inner, each in _pairs(body[0]) if inner != _VALIDITY)


def _ids(caveats: list[tuple[int, Any]], kind: int) -> Iterator[int]:
    for each, body in caveats:
        if each != kind:
            continue
        if kind == _ORGANIZATION:
            yield from (value for value in body[:1] if isinstance(value, int))
        else:
            yield from (key for key, _ in body[0] if isinstance(key, int) and key)


def _end(caveats: list[tuple[int, Any]]) -> int | None:
    """Return when the earliest of the windows in which a token is valid ends."""
    ends = [body[1] for kind, body in caveats if kind == _VALIDITY and isinstance(body[1], int)]
    return min(ends, default=None)
