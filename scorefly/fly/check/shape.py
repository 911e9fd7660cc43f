"""Tables and lists of fly.toml with the keys they may have. Reading one checks it.

What is read is what is meant: aliases by their proper name, one table where a list of them may stand as a
list of one. What is wrong is a finding and is left out, so that rules about several values need not look at
types again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct, field

from scorefly.fly.check.finding import Finding, Path
from scorefly.fly.check.leaf import is_no
from scorefly.problems import nearest


class Shape(Protocol):
    """The values allowed for a key."""

    def read(self, value: Any, path: Path, found: list[Finding]) -> Any:
        """Return what the value means; None, and a finding more, where it is wrong."""


Keys = Mapping[str, Shape]


class Section(Struct, frozen=True):
    """A table that was read: its values by their proper names, None where one is wrong."""

    path: Path = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    written: Mapping[str, str] = field(default_factory=dict)

    def get(self, key: str, default: Any = None) -> Any:
        """A value, or the default where it is missing or wrong."""
        value = self.values.get(key)
        return default if value is None else value

    def sections(self, key: str) -> list[Section]:
        """The tables of a list, or of a table of tables."""
        value = self.values.get(key)
        inner = value.values() if isinstance(value, Mapping) else value
        return [each for each in inner or () if isinstance(each, Section)]

    def section(self, key: str) -> Section:
        """A table inside this one; an empty one where there is none."""
        value = self.values.get(key)
        return value if isinstance(value, Section) else Section(self.at(key))

    def has(self, key: str) -> bool:
        """Decide whether the key is written here, rightly or wrongly."""
        return key in self.written

    def at(self, key: str, *inside: str | int) -> Path:
        """The path of a key as it is written, or of something inside it."""
        return (*self.path, self.written.get(key, key), *inside)


class Table(Struct, frozen=True):
    """A table of known keys; `aliases` are other spellings flyctl takes.

    `required` says of a key that has to be there what to write. `elsewhere` says of a key that people write
    here, and nothing reads, what to do instead. With `nulls`, null means that there is no value.
    """

    keys: Keys
    required: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    nulls: bool = False

    def read(self, value: Any, path: Path, found: list[Finding]) -> Section | None:
        """The table as a Section."""
        if not isinstance(value, Mapping):
            found.append(Finding(path, is_no(value, "a table"), _header(path, "[{}]")))
            return None
        values: dict[str, Any] = {}
        written: dict[str, str] = {}
        for key, each in value.items():
            name, at = self.aliases.get(key, key), (*path, key)
            if each is None and self.nulls and name in self.keys:
                continue
            if key in self.elsewhere:
                found.append(Finding(at, "is read by nothing here", self.elsewhere[key]))
            elif name not in self.keys:
                found.append(Finding(at, "is not a known key", nearest(str(key), self.keys)))
            elif name in written:
                found.append(Finding(at, f"is another name of {written[name]!r}, which is there too", "keep one"))
            else:
                written[name] = key
                values[name] = self.keys[name].read(each, at, found)
        for name, hint in self.required.items():
            if name not in written:
                found.append(Finding((*path, name), "is missing", hint))
        return Section(path, values, written)


class Tables(Struct, frozen=True):
    """A list of tables; with `alone`, one table may stand for a list of one."""

    item: Shape
    alone: bool = False

    def read(self, value: Any, path: Path, found: list[Finding]) -> list[Any] | None:
        """Return what the tables mean, in order."""
        if self.alone and isinstance(value, Mapping):
            return [self.item.read(value, path, found)]
        if isinstance(value, list):
            return [self.item.read(each, (*path, index), found) for index, each in enumerate(value)]
        found.append(Finding(path, is_no(value, "a list of tables"), _header(path, "[[{}]]")))
        return None


class Named(Struct, frozen=True):
    """A table whose keys are names of its writer's choice; `rule` says what is wrong with one, or None."""

    item: Shape
    rule: Callable[[str], str | None] = lambda _name: None

    def read(self, value: Any, path: Path, found: list[Finding]) -> dict[str, Any] | None:
        """Return what the values mean, by name."""
        if not isinstance(value, Mapping):
            found.append(Finding(path, is_no(value, "a table"), _header(path, "[{}]")))
            return None
        named: dict[str, Any] = {}
        for key, each in value.items():
            problem = self.rule(key) if isinstance(key, str) else "is no text"
            if problem:
                found.append(Finding((*path, key), problem, "rename it"))
            named[str(key)] = self.item.read(each, (*path, key), found)
        return named


class Texts(Struct, frozen=True):
    """A list of texts, of at least `least`; with `alone`, one text may stand for a list of one."""

    item: Shape
    alone: bool = False
    least: int = 0

    def read(self, value: Any, path: Path, found: list[Finding]) -> list[Any] | None:
        """The texts, without those that are wrong."""
        if self.alone and isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            hint = "put it into brackets" if isinstance(value, str) else ""
            found.append(Finding(path, is_no(value, "a list"), hint))
            return None
        if len(value) < self.least:
            found.append(Finding(path, "is empty", "give at least one"))
        read = [self.item.read(each, (*path, index), found) for index, each in enumerate(value)]
        return [each for each in read if each is not None]


def _header(path: Path, brackets: str) -> str:
    keys = ".".join(key for key in path if isinstance(key, str))
    return f"write {brackets.format(keys)}" if keys else ""
