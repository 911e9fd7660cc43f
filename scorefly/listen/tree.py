"""Reads the tree: turns the output of `scorefly repos --format json` into units and the sources they follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorefly.listen.repository_keys import repository_key
from scorefly.listen.units import Tree, Unit
from scorefly.problems import external_error


def parse_tree(data: Any) -> Tree:
    """Turn the list of repositories into units.

    Each element has `url`, `ref`, `kind` and `units`: a list of `name`, `environment`, `project` and `after`. One
    without units includes a project. Raises ExternalError for another shape.
    """
    if not isinstance(data, list):
        raise external_error("scorefly repos did not print a list")
    follows: dict[str, list[tuple[str, str]]] = {}
    details: dict[str, Mapping[str, Any]] = {}
    includes: list[tuple[str, str]] = []
    for row in data:
        if isinstance(row, dict) and not row.get("units") and (ref := full_ref(row)):
            includes.append((address(row), ref))
        for unit in row.get("units", ()) if isinstance(row, dict) else ():
            name = str(unit["name"])
            details[name] = unit
            follows.setdefault(name, [])
            if ref := full_ref(row):
                follows[name].append((address(row), ref))
    return Tree(
        tuple(Unit(name, _arguments(details[name]), tuple(follows[name]), details[name]) for name in sorted(follows)),
        tuple(includes),
    )


def address(row: Mapping[str, Any]) -> str:
    """Return the address of a row's repository; empty for the project's own."""
    return str(row.get("url") or row.get("repository") or "")


def full_ref(row: Mapping[str, Any]) -> str:
    """Return the full name of the ref that a row follows; empty for the project's own repository and for one commit."""
    kind, ref = str(row.get("kind") or "head"), str(row.get("ref") or "")
    if not address(row) or kind == "commit":
        return ""
    if kind == "head" or not ref:
        return "HEAD"
    return f"refs/tags/{ref}" if kind == "tag" else f"refs/heads/{ref}"


def values_of(data: Any, key: str) -> dict[str, str]:
    """Return the commits of a repository's refs. Raises ExternalError where it cannot be read."""
    rows = [row for row in data if isinstance(row, dict) and repository_key(address(row)) == key]
    if problem := next((str(row.get("problem") or "unreadable") for row in rows if not row.get("readable", True)), ""):
        raise external_error(problem)
    return {ref: str(row.get("commit") or "") for row in rows if (ref := full_ref(row))}


def _arguments(unit: Mapping[str, Any]) -> tuple[str, ...]:
    environment, name = str(unit["environment"]), str(unit["name"])
    # A root without a name has units that are called as their environments.
    subtree = str(unit.get("project") or ("" if name == environment else name))
    return (*((subtree,) if subtree else ()), "--environment", environment)
