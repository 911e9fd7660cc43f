"""Reads the tree: turns the output of `scorefly repos --format json` into units and the sources they follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorefly.listen.units import Unit
from scorefly.problems import external_error


def parse_tree(data: Any) -> tuple[Unit, ...]:
    """Turn the list of repositories into units.

    Each element has `repository`, `ref` and `units`: a list of `name`, `environment` and `project`. Raises
    ExternalError for another shape.
    """
    if not isinstance(data, list):
        raise external_error("scorefly repos did not print a list")
    follows: dict[str, list[tuple[str, str]]] = {}
    details: dict[str, Mapping[str, Any]] = {}
    for row in data:
        for unit in row.get("units", ()) if isinstance(row, dict) else ():
            name = str(unit["name"])
            details[name] = unit
            follows.setdefault(name, [])
            if ref := full_ref(row):
                follows[name].append((str(row["repository"]), ref))
    return tuple(Unit(name, _arguments(details[name]), tuple(follows[name]), details[name]) for name in sorted(follows))


def full_ref(row: Mapping[str, Any]) -> str:
    """Return the full name of the ref that a row follows; empty for this repository and for one commit."""
    repository, ref = row.get("repository"), str(row.get("ref") or "HEAD")
    kind = str(row.get("kind") or "")
    if not repository or kind == "commit":
        return ""
    if ref == "HEAD" or ref.startswith("refs/"):
        return ref
    return f"refs/tags/{ref}" if kind == "tag" else f"refs/heads/{ref}"


def _arguments(unit: Mapping[str, Any]) -> tuple[str, ...]:
    subtree = (str(unit["project"]),) if unit.get("project") else ()
    return (*subtree, "--environment", str(unit["environment"]))
