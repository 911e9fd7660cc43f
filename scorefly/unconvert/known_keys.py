"""Reads the keys that flyctl knows, each value as the kind that is expected."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from msgspec import Struct, field

from scorefly.fly.check.finding import Finding, Path
from scorefly.fly.check.keys import FLY_TOML
from scorefly.fly.check.leaf import OneOf, Size, Text, Whole
from scorefly.fly.check.shape import Named, Shape, Table, Tables
from scorefly.problems import one_edit_apart

NOT_READ = "flyctl reads no such key here"


class Dropped(Struct, frozen=True):
    """A key that flyctl ignores, by its path in the original document, and why.

    `similar` is the key that was probably meant: one that differs by one letter. `misplaced` says that flyctl reads
    such a key in another table.
    """

    path: Path
    reason: str
    similar: str = ""
    misplaced: bool = False


class Reading(Struct):
    """A document in current spelling, with what was dropped and what cannot be read.

    `origins` maps paths of `document` to the paths they had in the original, where the two differ.
    """

    document: dict[str, Any] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    origins: dict[Path, Path] = field(default_factory=dict)

    def origin(self, path: Path) -> Path:
        """Return the path in the original document of a path in `document`."""
        for length in range(len(path), 0, -1):
            if (start := self.origins.get(path[:length])) is not None:
                return (*start, *path[length:])
        return path

    def refuse(self, path: Path, message: str, hint: str = "") -> None:
        """Add an error: flyctl cannot read this."""
        self.findings.append(Finding(path, message, hint))


def known_keys(shape: Table, value: Mapping[str, Any], path: Path, reading: Reading) -> dict[str, Any]:
    """Return a table without the keys that flyctl does not read; those are added to `dropped`."""
    read: dict[str, Any] = {}
    in_any_case = {name.lower(): name for name in shape.keys}
    for key, each in value.items():
        name = shape.aliases.get(key) or in_any_case.get(key.lower())
        if name is None:
            reason = shape.elsewhere.get(key)
            similar = "" if reason else next((known for known in shape.keys if one_edit_apart(key, known)), "")
            text = f"{NOT_READ}: {reason}" if reason else NOT_READ
            reading.dropped.append(Dropped(reading.origin((*path, key)), text, similar, key in _all_keys()))
            continue
        if name != key:
            reading.origins[*path, name] = reading.origin((*path, key))
        read[name] = _known(shape.keys[name], each, (*path, name), reading)
    return read


def _known(shape: Shape, value: Any, path: Path, reading: Reading) -> Any:
    """Return a value without keys that flyctl never reads, with numbers of the kind that is expected."""
    if isinstance(shape, Table) and isinstance(value, Mapping):
        return known_keys(shape, value, path, reading)
    if isinstance(shape, Tables):
        items = [value] if shape.alone and isinstance(value, Mapping) else value
        if isinstance(items, list):
            return [_known(shape.item, each, (*path, index), reading) for index, each in enumerate(items)]
    if isinstance(shape, Named) and isinstance(value, Mapping):
        return {key: _known(shape.item, each, (*path, key), reading) for key, each in value.items()}
    return _value(shape, value)


@cache
def _all_keys() -> frozenset[str]:
    """Return every key that flyctl reads anywhere in a fly.toml."""
    found: set[str] = set()
    shapes: list[Shape] = [FLY_TOML]
    for shape in shapes:
        if isinstance(shape, Table):
            found |= shape.keys.keys()
            shapes += shape.keys.values()
        elif isinstance(shape, Tables | Named):
            shapes.append(shape.item)
    return frozenset(found)


def _value(shape: Shape, value: Any) -> Any:
    if isinstance(shape, Whole | Size) and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(shape, Whole) and shape.text and isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
        return int(value)
    if isinstance(shape, OneOf) and shape.flags and isinstance(value, bool):
        return shape.flags[value]
    if isinstance(shape, Text) and shape.loose and isinstance(value, bool | int | float):
        return go_text(value)
    return value


def go_text(value: Any) -> str:
    """Return a value as Go's `%v` writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return str(value)
