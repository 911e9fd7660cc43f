"""YAML with positions: every element of a file keeps the line and column where it stands.

The dialect is the core schema of YAML 1.2 (`yes` is a text, `0o17` is octal, nothing is a date) with merge
keys, which is what the Score implementations written in Go accept too.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar, cast

import yaml
from msgspec import Struct, field

from scorefly.problems import InputError, Place, Problem
from scorefly.values import Plain, Scalar

Path = tuple[str | int, ...]

MAX_BYTES = 1 << 20
MAX_NODES = 100_000  # counted after aliases are followed
MAX_DEPTH = 100
_SIGNS_OF_DEPTH = 2000

_TAG = "tag:yaml.org,2002:"
_PLAIN = "scorefly:plain"  # a scalar without quotes or tag, whose type the core schema decides
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc]
    """Leaves the types of scalars to us: PyYAML's own rules are those of YAML 1.1."""

    def resolve(self, kind: type[yaml.Node], _value: object, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else f"{_TAG}str"
        return f"{_TAG}map" if kind is yaml.MappingNode else f"{_TAG}seq"


_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_SCALAR_TAGS: Mapping[type, tuple[str, ...]] = {
    type(None): (_PLAIN, f"{_TAG}null"),
    bool: (_PLAIN, f"{_TAG}bool"),
    int: (_PLAIN, f"{_TAG}int"),
    float: (_PLAIN, f"{_TAG}float"),
    str: (_PLAIN,),
}
_INT = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL_OR_HEX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class Places(Struct, frozen=True):
    """The positions of a document's elements, by path; an element of a mapping has the position of its key."""

    marks: Mapping[Path, tuple[int, int]]
    file: str = ""
    moved: Mapping[Path, Place] = field(default_factory=dict)

    def at(self, *path: str | int) -> Place:
        """The place of the element at `path`, or of its nearest ancestor that has one."""
        for length in range(len(path), -1, -1):
            part = path[:length]
            if part in self.moved:
                return self.moved[part]
            if part in self.marks:
                return Place(self.file, *self.marks[part])
        return Place(self.file)

    def having(self, moved: Mapping[Path, Place]) -> Places:
        """The same places, with some elements standing elsewhere."""
        return Places(self.marks, self.file, {**self.moved, **moved})


class Document(Struct, frozen=True):
    """A YAML document whose top is a mapping."""

    file: str
    data: dict[str, Plain]
    places: Places


class AnyDocument(Struct, frozen=True):
    """A YAML document whose top may be anything."""

    file: str
    data: Plain
    places: Places


def parse(text: str | bytes, file: str, *, may_be_empty: bool = False) -> Document:
    """The one mapping in a YAML text. Raises InputError with the place of the first thing wrong.

    A text of nothing but comments is an empty mapping where it `may_be_empty`.
    """
    document = parse_any(text, file)
    if document.data is None and may_be_empty:
        return Document(file, {}, document.places)
    if not isinstance(document.data, dict):
        kind = "empty" if document.data is None else f"a {_kind(document.data)}"
        raise InputError(Problem(f"the document is {kind}, and has to be a mapping", "", Place(file)))
    return Document(file, document.data, document.places)


def parse_any(text: str | bytes, file: str) -> AnyDocument:
    """The one document in a YAML text, whatever its top is. Raises InputError."""
    decoded = _decode(text, file)
    try:
        _refuse_depth(decoded, file)
        loader = _Loader(decoded)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except RecursionError:
        raise InputError(_too_deep(Place(file))) from None
    except yaml.YAMLError as error:
        raise InputError(_yaml_problem(error, file, decoded)) from None
    if node is None:
        return AnyDocument(file, None, Places({}, file))
    builder = _Builder(file)
    data = builder.build(node, (), 0)
    return AnyDocument(file, data, Places(builder.marks, file))


def _decode(text: str | bytes, file: str) -> str:
    if len(text) > MAX_BYTES:
        raise InputError(Problem(f"the file has {len(text)} bytes, and {MAX_BYTES} are allowed", "", Place(file)))
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        column = error.start - (text.rfind(b"\n", 0, error.start) + 1) + 1
        raise InputError(Problem("the file is not UTF-8 here", "save it as UTF-8", Place(file, line, column))) from None


def _refuse_depth(text: str, file: str) -> None:
    """Stops before libyaml's composer, which calls itself for every level, has used up the stack.

    A level costs a sign, so a text with few of them is shallow; only others are read twice.
    """
    if sum(map(text.count, "[{-?:")) < _SIGNS_OF_DEPTH:
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise InputError(_too_deep(_place(file, event.start_mark)))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _yaml_problem(error: yaml.YAMLError, file: str, text: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = _place(file, mark)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    context = getattr(error, "context", None)
    if "but found another document" in str(what):
        return Problem("a second document begins here", "put it into a file of its own", place)
    if "maximum level" in str(what) or "depth" in str(what):
        return _too_deep(place)
    before = "".join(text.splitlines()[place.line - 1 : place.line])[: place.column]
    if "tab character" in str(what) or ("cannot start any token" in str(what) and "\t" in before):
        return Problem("tabs are not allowed in YAML", "indent with spaces", place)
    about = f"{context}: {what}" if context else str(what)
    return Problem(f"this is not valid YAML: {' '.join(about.split())}", "check indentation and quotes", place)


def _place(file: str, mark: Any) -> Place:
    return Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)


def _too_deep(place: Place) -> Problem:
    return Problem(f"the document is nested deeper than {MAX_DEPTH} levels", "", place)


_Shared = TypeVar("_Shared", bound=tuple[object, ...])


@lru_cache(maxsize=8192)
def _shared(value: _Shared) -> _Shared:
    """Return an equal tuple of an earlier call: Score files have the same keys, and half of their memory is paths."""
    return value


class _Builder:
    """Makes plain data of a node graph, and remembers where everything stands."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.marks: dict[Path, tuple[int, int]] = {}
        self.open: set[int] = set()
        self.nodes = 0

    def build(self, node: yaml.Node, path: Path, depth: int) -> Plain:
        self.nodes += 1
        mark = node.start_mark
        if path not in self.marks:
            self.marks[_shared(path)] = _shared((mark.line + 1, mark.column + 1))
        if self.nodes > MAX_NODES:
            raise self.wrong(node, f"aliases make this document larger than {MAX_NODES} elements", "use fewer aliases")
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if depth >= MAX_DEPTH:
            raise InputError(_too_deep(self.place(node)))
        if id(node) in self.open:
            raise self.wrong(node, "an alias contains itself", "take it out")
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, path, depth)
            return self.sequence(node, path, depth)
        finally:
            self.open.discard(id(node))

    def mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Plain]:
        self.check_tag(node, "map")
        own: dict[str, Plain] = {}
        lines: dict[str, int] = {}
        merged: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            if key_node.value == "<<" and key_node.tag == _PLAIN:
                self.once("<<", key_node, lines)
                for source in self.merge_sources(value_node, path, depth):
                    merged = {**source, **merged}
                continue
            key = self.key(key_node)
            self.once(key, key_node, lines)
            mark = key_node.start_mark
            below = _shared((*path, key))
            self.marks[below] = _shared((mark.line + 1, mark.column + 1))
            own[key] = self.build(value_node, below, depth + 1)
        return {**merged, **own} if merged else own

    def merge_sources(self, node: yaml.Node, path: Path, depth: int) -> Iterator[dict[str, Plain]]:
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(source, yaml.MappingNode):
                raise self.wrong(source, "`<<` merges mappings only", "write an alias of a mapping")
            yield cast("dict[str, Plain]", self.build(source, path, depth + 1))

    def sequence(self, node: yaml.Node, path: Path, depth: int) -> list[Plain]:
        self.check_tag(node, "seq")
        return [self.build(each, (*path, index), depth + 1) for index, each in enumerate(node.value)]

    def key(self, node: yaml.Node) -> str:
        value = self.scalar(node) if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(value, str):
            raise self.wrong(node, "a key has to be a text", "put it in quotes")
        return sys.intern(value)

    def once(self, key: str, node: yaml.Node, lines: dict[str, int]) -> None:
        if key in lines:
            raise self.wrong(node, f"key {key!r} is here twice, first in line {lines[key]}", "keep one of them")
        lines[key] = node.start_mark.line + 1

    def scalar(self, node: yaml.ScalarNode) -> Scalar:
        """A quoted or `!!str` scalar is a text; the other core tags must agree with what plain style says."""
        text = str(node.value)
        if node.tag == f"{_TAG}str":
            return text
        value = self.plain(node, text)
        if node.tag not in _SCALAR_TAGS.get(type(value), ()):
            raise self.wrong(node, f"the tag {node.tag!r} is not allowed here", "take it out")
        return value

    def plain(self, node: yaml.ScalarNode, text: str) -> Scalar:
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        first = text[0]
        if first in "+-.0123456789":
            if _INT.fullmatch(text):
                return self.integer(node, text)
            if _OCTAL_OR_HEX.fullmatch(text):
                return int(text, 0)
            if _FLOAT.fullmatch(text):
                number = float(text)
                if math.isfinite(number):
                    return number
                raise self.wrong(node, f"the number {text} is too large", "put it in quotes if it is a text")
            if _NOT_FINITE.fullmatch(text):
                raise self.wrong(node, f"{text} is no number here", "put it in quotes if it is a text")
        return text

    def integer(self, node: yaml.ScalarNode, text: str) -> int:
        if len(text) > 40:
            raise self.wrong(node, "this number is too large", "put it in quotes if it is a text")
        return int(text)

    def check_tag(self, node: yaml.Node, name: str) -> None:
        if node.tag != f"{_TAG}{name}":
            raise self.wrong(node, f"the tag {node.tag!r} is not allowed", "take it out")

    def place(self, node: yaml.Node) -> Place:
        return _place(self.file, node.start_mark)

    def wrong(self, node: yaml.Node, message: str, hint: str) -> InputError:
        return InputError(Problem(message, hint, self.place(node)))


def _kind(data: Plain) -> str:
    return {list: "list", str: "text", bool: "truth value", int: "number", float: "number"}.get(type(data), "value")
