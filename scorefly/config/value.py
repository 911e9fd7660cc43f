"""A value of scorefly.yaml with its place, and layers of mappings that become one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from scorefly.problems import Place, Problem, nearest
from scorefly.score.document import Path, Places
from scorefly.values import Plain

Keys = tuple[str, ...]

# What is merged key by key; of every other key the strongest layer's value is used.
_MERGED = {"score", "fly", "add", "source", "volumes"}
_REFS = ("branch", "tag", "commit")
_NAME = re.compile(r"\$(\$?)\(([A-Za-z_][\w.-]*)\)", re.ASCII)


class Value(Struct, frozen=True):
    """A value to parse, with its place: `path` leads to it in the file."""

    data: Plain
    places: Places
    path: Keys

    @property
    def place(self) -> Place:
        """The place of the value."""
        return self.places.at(*self.path)

    def children(self) -> dict[str, Value]:
        """Return the elements of a mapping by key; nothing for anything else."""
        items = self.data.items() if isinstance(self.data, dict) else ()
        return {key: Value(each, self.places, (*self.path, key)) for key, each in items}


def merge_layers(layers: Sequence[Value]) -> Value:
    """Merge mappings, the weakest first. Null means not set; below `score` and `fly` it is kept, as it removes there.

    A ref of `source` replaces the ref of a weaker layer. Places are those of the layer that each value is from.
    """
    data: dict[str, Plain] = {}
    moved: dict[Path, Place] = {}
    for layer in layers:
        for key, value in layer.children().items():
            before = data.get(key)
            if value.data is None:
                continue
            moved[key,] = value.place
            if key in _MERGED and isinstance(before, dict) and isinstance(value.data, dict):
                if key == "source" and any(ref in value.data for ref in _REFS):
                    before = {name: each for name, each in before.items() if name not in _REFS}
                data[key] = _merge(before, value.data, value, (key,), moved)
            else:
                data[key] = value.data
                _take_places(value, (key,), moved)
    return Value(data, Places({}, layers[-1].places.file if layers else "", moved), ())


def _merge(
    old: Mapping[str, Plain], new: Mapping[str, Plain], layer: Value, path: Path, moved: dict[Path, Place]
) -> dict[str, Plain]:
    merged = dict(old)
    for key, value in layer.children().items():
        before, here = merged.get(key), (*path, key)
        if isinstance(before, dict) and isinstance(value.data, dict):
            merged[key] = _merge(before, value.data, value, here, moved)
        else:
            merged[key] = new[key]
            _take_places(value, here, moved)
    return merged


def _take_places(value: Value, path: Path, moved: dict[Path, Place]) -> None:
    moved[path] = value.place
    for key, child in value.children().items():
        _take_places(child, (*path, key), moved)
    if isinstance(value.data, list):
        for index in range(len(value.data)):
            moved[*path, index] = value.places.at(*value.path, index)


def expand(value: Value, names: Mapping[str, Plain], problems: list[Problem]) -> Value:
    """Replace `$(name)` in every text by the variable of that name; `$$(name)` stays as `$(name)`.

    A text that is one variable takes its type. Unknown names are added to `problems`.
    """
    return Value(_expand(value.data, value.places, value.path, names, problems), value.places, value.path)


def _expand(tree: Plain, places: Places, path: Path, names: Mapping[str, Plain], problems: list[Problem]) -> Plain:
    if isinstance(tree, dict):
        return {key: _expand(each, places, (*path, key), names, problems) for key, each in tree.items()}
    if isinstance(tree, list):
        return [_expand(each, places, (*path, index), names, problems) for index, each in enumerate(tree)]
    if not isinstance(tree, str) or "$(" not in tree:
        return tree

    def replaced(match: re.Match[str]) -> str:
        if match[1]:
            return match[0][1:]
        if match[2] not in names:
            problems.append(Problem(f"unknown variable $({match[2]})", nearest(match[2], names), places.at(*path)))
            return match[0]
        found = names[match[2]]
        return found if isinstance(found, str) else _text(found)

    whole = _NAME.fullmatch(tree)
    if whole and not whole[1] and whole[2] in names:
        return names[whole[2]]
    return _NAME.sub(replaced, tree)


def _text(value: Plain) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_vars(value: Value, problems: list[Problem]) -> dict[str, Plain]:
    """Parse `vars`: names with texts, numbers or truth values."""
    found: dict[str, Plain] = {}
    if not isinstance(value.data, dict | None):
        problems.append(Problem("vars: expected a mapping", "write `NAME: value` lines below it", value.place))
    for name, each in value.children().items():
        if isinstance(each.data, dict | list) or each.data is None:
            problems.append(Problem(f"variable {name!r}: expected a text or a number", "put it in quotes", each.place))
        elif not re.fullmatch(r"[A-Za-z_][\w.-]*", name, re.ASCII):
            hint = "a name has letters, digits, `_`, `.` and `-`, and begins with a letter"
            problems.append(Problem(f"invalid name of a variable: {name!r}", hint, each.place))
        else:
            found[name] = each.data
    return found
