"""Process groups of a fly.toml: their names, and the part of the file that is about one of them.

Source: flyctl's `internal/appconfig/processgroups.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULT_GROUP = "app"
_OF_GROUPS = ("services", "mounts", "files", "metrics", "restart")


def group_names(toml: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the process groups in order; one where the file names none."""
    processes = toml.get("processes")
    return tuple(sorted(processes)) if isinstance(processes, Mapping) and processes else (DEFAULT_GROUP,)


def default_group(toml: Mapping[str, Any]) -> str:
    """Return the process group of whatever names none."""
    names = group_names(toml)
    return DEFAULT_GROUP if DEFAULT_GROUP in names else names[0]


def parts_of(toml: Mapping[str, Any], key: str, group: str) -> list[Mapping[str, Any]]:
    """Return the tables below a key that are about a process group."""
    value = toml.get(key) or []
    tables = [value] if isinstance(value, Mapping) else value
    return [each for each in tables if group in (each.get("processes") or [default_group(toml)])]


def flatten(toml: Mapping[str, Any], group: str) -> dict[str, Any]:
    """Return the fly.toml with only what is about a process group."""
    if not toml.get("processes"):
        return dict(toml)
    flat = {**toml, "processes": {group: toml["processes"].get(group, "")}}
    for key in _OF_GROUPS:
        flat[key] = [_plain(each) for each in parts_of(toml, key, group)]
    service = parts_of(toml, "http_service", group)
    flat["http_service"] = _plain(service[0]) if service else {}
    default = [default_group(toml)]
    checks = toml.get("checks") or {}
    flat["checks"] = {name: each for name, each in checks.items() if group in (each.get("processes") or default)}
    vm = toml.get("vm") or []
    sizes = [vm] if isinstance(vm, Mapping) else list(vm)
    own = [each for each in sizes if group in each.get("processes", ())]
    flat["vm"] = own or [each for each in sizes if not each.get("processes")]
    return {key: value for key, value in flat.items() if value not in ({}, [])}


def _plain(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "processes"}
