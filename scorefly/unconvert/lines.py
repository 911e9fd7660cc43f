"""Lines and columns of the keys in a TOML text, which Python's own reader does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from msgspec import Struct, field

from scorefly.fly.check.finding import Path
from scorefly.problems import Place

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEYS = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEYS})[ \t]*\]\]?")
_ASSIGNMENT = re.compile(rf"[ \t]*({_KEYS})[ \t]*=")
_TOKEN = re.compile(r"\"\"\"|'''|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[\[\]{}]|#[^\n]*")


class TomlPlaces(Struct, frozen=True):
    """The places of a document's keys; what is inside an inline table is where that table is."""

    file: str
    marks: Mapping[Path, tuple[int, int]] = field(default_factory=dict)

    def at(self, path: Path) -> Place:
        """Return the place of the element at a path, or of its nearest ancestor that has one."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.marks:
                return Place(self.file, *self.marks[path[:length]])
            inside = [mark for key, mark in self.marks.items() if key[:length] == path[:length]]
            if inside:
                return Place(self.file, *inside[0])
        return Place(self.file)


def toml_places(text: str, file: str) -> TomlPlaces:
    """Find the keys of a valid TOML text."""
    marks: dict[Path, tuple[int, int]] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        line = lines[number]
        if match := _HEADER.match(line):
            table = _table(_split(match[2]), is_list=match[1] == "[[", counts=counts)
            marks.setdefault(table, (number + 1, line.index("[") + 1))
        elif match := _ASSIGNMENT.match(line):
            path = table
            for key in _split(match[1]):
                path = (*path, key)
                marks.setdefault(path, (number + 1, len(line) - len(line.lstrip()) + 1))
            number += _lines_of_value("\n".join([line[match.end() :], *lines[number + 1 :]]))
        number += 1
    return TomlPlaces(file, marks)


def _split(keys: str) -> tuple[str, ...]:
    return tuple(next(iter(tomllib.loads(f"{key} = 0"))) for key in re.findall(_KEY, keys))


def _table(keys: tuple[str, ...], *, is_list: bool, counts: dict[Path, int]) -> Path:
    """The path of a header, with the position of each list of tables on the way."""
    path: Path = ()
    for index, key in enumerate(keys):
        path = (*path, key)
        if is_list and index == len(keys) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _lines_of_value(rest: str) -> int:
    """Return how many further lines a value takes that begins at the beginning of `rest`."""
    depth, at = 0, 0
    while True:
        end = rest.find("\n", at)
        end = len(rest) if end < 0 else end
        token = _TOKEN.search(rest, at)
        if token is None or (token.start() > end and depth == 0):
            return rest.count("\n", 0, end if depth == 0 else len(rest))
        if token[0] in ('"""', "'''"):
            at = _end_of_text(rest, token.end(), token[0])
            continue
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        at = token.end()


def _end_of_text(rest: str, start: int, quotes: str) -> int:
    at = start
    while (at := rest.find(quotes, at)) >= 0:
        backslashes = len(rest[start:at]) - len(rest[start:at].rstrip("\\"))
        if quotes == "'''" or backslashes % 2 == 0:
            return at + 3
        at += 1
    return len(rest)
