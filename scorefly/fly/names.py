"""Names as Fly takes them. Each rule answers with what is wrong, or None."""

from __future__ import annotations

import hashlib
import re

MAX_APP_NAME = 63  # an app's name is a DNS label

_APP = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
_VOLUME = re.compile(r"[a-z0-9_]{1,30}", re.ASCII)
_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def app_name_problem(name: str) -> str | None:
    """Lower-case letters, digits and dashes (the API's own words), at most 63: it is a DNS label."""
    if len(name) > MAX_APP_NAME:
        return f"app name {name!r} has {len(name)} characters, and Fly takes {MAX_APP_NAME}"
    if not _APP.fullmatch(name):
        return f"app name {name!r} is not made of lower-case letters, digits and inner `-`"
    return None


def volume_name_problem(name: str) -> str | None:
    """Lower-case letters, digits and underscores, at most 30."""
    if _VOLUME.fullmatch(name):
        return None
    return f"volume name {name!r} is not made of 1 to 30 lower-case letters, digits and `_`"


def secret_name_problem(name: str) -> str | None:
    """A secret arrives as an environment variable."""
    return None if _SECRET.fullmatch(name) else f"secret name {name!r} is not made of letters, digits and `_`"


def resource_app_name(prefix: str, stem: str, suffix: str) -> str:
    """A name for an app that has none: one too long is cut, with a hash of the whole so that it stays its own."""
    name = f"{prefix}{stem.lower()}{suffix}"
    if len(name) <= MAX_APP_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    kept = MAX_APP_NAME - len(prefix) - len(suffix) - len(digest) - 1
    return f"{prefix}{stem.lower()[: max(kept, 1)].rstrip('-')}-{digest}{suffix}"
