"""The form of the file that keeps the simulated Fly between runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
VERSION = 2
_TABLES = ("machines", "volumes", "secrets")
_PARTS: Mapping[str, type] = {
    **dict.fromkeys(("id", "name", "status", "network"), str),
    **dict.fromkeys(("organization", *_TABLES), dict),
    **dict.fromkeys(("addresses", "releases"), list),
    "secrets_version": int,
}


class WorldUnreadable(Exception):  # noqa: N818 - named for what it says
    """The file of a rehearsal cannot be read or written."""


def is_world(data: Json) -> bool:
    """Report whether the apps have the parts that every app has."""
    apps = data.get("apps")
    return (
        isinstance(data.get("salt"), str)
        and isinstance(apps, dict)
        and all(isinstance(app, dict) and app.keys() >= _PARTS.keys() for app in apps.values())
        and all(isinstance(app[part], kind) for app in apps.values() for part, kind in _PARTS.items())
        and all(isinstance(each, dict) for app in apps.values() for part in _TABLES for each in app[part].values())
        and all(isinstance(app.get("certificates", {}), dict) for app in apps.values())
    )
