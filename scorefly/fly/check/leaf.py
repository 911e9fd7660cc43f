"""Single values of fly.toml: what each may be, and what it means.

A duration means seconds, a size whole units, a number in quotes the number. The grammars are those of the
Go functions flyctl reads them with: time.ParseDuration, strconv.Atoi and docker/go-units.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, time
from typing import Any

from msgspec import Struct, field

from scorefly.fly.check.finding import Finding, Path
from scorefly.problems import Severity, nearest

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_NUMBER = r"[0-9]{1,18}(?:\.[0-9]*)?|\.[0-9]+"
_UNITS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SPAN = re.compile(rf"({_NUMBER})({'|'.join(sorted(_UNITS, key=len, reverse=True))})", re.ASCII)
_DURATION = re.compile(rf"[+-]?(?:0|(?:{_SPAN.pattern})+)", re.ASCII)
_SIZE = re.compile(rf"({_NUMBER}) ?(?:([kmgtp])(?:i?b)?|b)?", re.ASCII | re.IGNORECASE)

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "text"),
    (Mapping, "a table"),
    (list, "a list"),
    ((date, time), "a date"),
)
_SCALARS = bool | int | float | date | time


class Wrong(Exception):  # noqa: N818 - named for what it says
    """A value is wrong: what is, and what to do."""

    def __init__(self, message: str, hint: str = "", severity: Severity = "error") -> None:
        super().__init__(message)
        self.hint = hint
        self.severity: Severity = severity


class Leaf:
    """A value without values inside."""

    def read(self, value: Any, path: Path, found: list[Finding]) -> Any:
        """Return what the value means; None, and a finding more, where it is wrong."""
        try:
            return self.meaning(_of_64_bits(value))
        except Wrong as wrong:
            found.append(Finding(path, str(wrong), wrong.hint, wrong.severity))
            return None

    def meaning(self, value: Any) -> Any:
        """Return what the value means. Raises Wrong."""
        return value


class Text(Leaf, Struct, frozen=True):
    """A text; `rule` says what is wrong with one, or None. `loose` takes whole numbers and booleans for text."""

    rule: Callable[[str], str | None] = lambda _text: None
    hint: str = ""
    loose: bool = False

    def meaning(self, value: Any) -> str:
        """The text."""
        if self.loose and isinstance(value, bool | int):
            return str(value).lower() if isinstance(value, bool) else str(value)
        if not isinstance(value, str):
            raise Wrong(is_no(value, "text"), "put it into quotes" if isinstance(value, _SCALARS) else "")
        if problem := self.rule(value):
            raise Wrong(problem, self.hint)
        return value


class OneOf(Leaf, Struct, frozen=True):
    """One of some texts, in upper case with `any_case`; `flags` says which one a boolean stands for."""

    known: tuple[str, ...]
    flags: Mapping[bool, str] = field(default_factory=dict)
    any_case: bool = False

    def meaning(self, value: Any) -> str:
        """The text as `known` spells it."""
        if isinstance(value, bool) and self.flags:
            return self.flags[value]
        text = value.upper() if isinstance(value, str) and self.any_case else value
        if isinstance(text, str) and text in self.known:
            return text
        raise Wrong(f"is {shown(value)}", nearest(str(value), [each for each in self.known if each], "one of"))


class Whole(Leaf, Struct, frozen=True):
    """A whole number from `least` to `most`; with `text`, it may be in quotes."""

    least: int = 0
    most: int | None = None
    text: bool = False

    def meaning(self, value: Any) -> int:
        """The number."""
        number = int(value) if self.text and isinstance(value, str) and _INTEGER.fullmatch(value) else value
        if not isinstance(number, int) or isinstance(number, bool):
            raise Wrong(is_no(value, "a whole number"), _limits(self.least, self.most))
        _within(number, self.least, self.most)
        return number


class Number(Leaf, Struct, frozen=True):
    """A number above 0, to `most`."""

    most: float = math.inf

    def meaning(self, value: Any) -> float:
        """The number."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Wrong(is_no(value, "a number"))
        if 0 < value <= self.most and math.isfinite(value):
            return value
        most = "" if math.isinf(self.most) else f", {self.most:g} at most"
        raise Wrong(f"is {value}", f"give a number above 0{most}")


class Flag(Leaf, Struct, frozen=True):
    """True or false."""

    def meaning(self, value: Any) -> bool:
        """The boolean."""
        if isinstance(value, bool):
            return value
        raise Wrong(is_no(value, "true or false"))


class Span(Leaf, Struct, frozen=True):
    """A duration (`1m30s`) from `least` to `most` seconds; outside them is of `severity`, but for `zero`.

    `bare` is the unit flyctl gives to a number without one. Where it would count nanoseconds, which no one
    means, `bare` is empty and the number is refused.
    """

    least: float = 0
    most: float | None = None
    bare: str = ""
    zero: bool = False
    severity: Severity = "error"

    def meaning(self, value: Any) -> float:
        """Seconds."""
        if isinstance(value, int) and not isinstance(value, bool):
            if not self.bare:
                raise Wrong(f"is {value} without a unit, and flyctl takes it for nanoseconds", f'write "{value}s"')
            seconds = value * _UNITS[self.bare]
        elif isinstance(value, str) and _DURATION.fullmatch(value):
            seconds = sum(float(number) * _UNITS[unit] for number, unit in _SPAN.findall(value))
            seconds = -seconds if value.startswith("-") else seconds
        else:
            raise Wrong(f"is {shown(value)}, which is no duration", 'write it like "15s" or "1m30s"')
        if not (self.zero and seconds == 0):
            _within(seconds, self.least, self.most, " seconds", self.severity)
        return seconds


class Size(Leaf, Struct, frozen=True):
    """A size of at least one unit (`MB`, of `unit` bytes); in text with a unit of its own, a K is `thousand`.

    `usual` is the largest size that everybody may have: above it there is a warning.
    """

    name: str
    unit: int
    thousand: int
    most: int | None = None
    numbers: bool = True
    usual: int | None = None

    def read(self, value: Any, path: Path, found: list[Finding]) -> Any:
        """Read the size; one above the usual limit is used, with a warning."""
        size = super().read(value, path, found)
        if size is not None and self.usual is not None and size > self.usual:
            hint = f"ask Fly whether yours may be larger than {self.usual} {self.name}"
            found.append(Finding(path, f"is {size} {self.name}", hint, "warning"))
        return size

    def meaning(self, value: Any) -> int:
        """Whole units."""
        if isinstance(value, int) and not isinstance(value, bool) and self.numbers:
            size = value
        elif isinstance(value, str) and _INTEGER.fullmatch(value):
            size = int(value)
        elif isinstance(value, str) and (match := _SIZE.fullmatch(value)):
            power = " kmgtp".index((match[2] or " ").lower())
            size = int(float(match[1]) * self.thousand**power) // self.unit
        else:
            raise Wrong(f"is {shown(value)}, which is no size", f'write it like "2{self.name.lower()}"')
        _within(size, 1, self.most, f" {self.name}")
        return size


def _of_64_bits(value: Any) -> Any:
    """The value, unless it is a number that Go cannot read."""
    if isinstance(value, int) and abs(value) >= 2**63:
        raise Wrong("is larger than any number there may be", "give a smaller one")
    return value


def is_no(value: object, expected: str) -> str:
    """A value is of the wrong kind."""
    kind = next((name for types, name in _KINDS if isinstance(value, types)), "nothing")
    return f"is {kind}, and has to be {expected}"


def shown(value: object) -> str:
    """A value as a message shows it: short."""
    if isinstance(value, Mapping | list):
        return "a table" if isinstance(value, Mapping) else "a list"
    text = str(value).lower() if isinstance(value, _SCALARS) else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _within(number: float, least: float, most: float | None, unit: str = "", severity: Severity = "error") -> None:
    if number < least or (most is not None and number > most):
        raise Wrong(f"is {number:.12g}{unit}", _limits(least, most) + unit, severity)


def _limits(least: float, most: float | None) -> str:
    return f"give {least:.12g} or more" if most is None else f"give {least:.12g} to {most:.12g}"
