"""Decides whether a document fits a JSON Schema, with a function made of closures.

The verdict alone: `schema.py` asks jsonschema for the words when a document does not fit. Most documents fit, and
importing jsonschema takes longer than all else that is done with one Score file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Verdict = Callable[[Any], bool]

_TYPES: Mapping[str, Verdict] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    ),
}
_WITHOUT_MEANING = {"$schema", "$id", "$comment", "$defs", "title", "description", "default", "examples"}


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern that means what JSON Schema says: `$` is the very end, and digits are ASCII."""
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), re.ASCII)


def compile_verdict(schema: Mapping[str, Any]) -> Verdict:
    """Make a function that says whether a document fits the schema. Raises ValueError for keywords unknown here."""
    return _Compiler(schema).verdict(schema)


class _Compiler:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.by_reference: dict[str, Verdict] = {}

    def verdict(self, schema: Any) -> Verdict:
        if isinstance(schema, bool):
            return lambda _value: schema
        keywords = {name: value for name, value in schema.items() if name not in _WITHOUT_MEANING}
        tests = list(self._objects(keywords))
        if "if" in keywords:
            tests.append(self._conditional(*(keywords.pop(name, True) for name in ("if", "then", "else"))))
        tests += [self._keyword(name, value) for name, value in keywords.items()]
        if len(tests) == 1:
            return tests[0]
        return _all_of(tests)

    def _objects(self, keywords: dict[str, Any]) -> Sequence[Verdict]:
        """Take the keywords about an object's members, which depend on each other, out of `keywords`."""
        if not keywords.keys() & {"properties", "additionalProperties"}:
            return ()
        known = {name: self.verdict(each) for name, each in keywords.pop("properties", {}).items()}
        others = self.verdict(keywords.pop("additionalProperties", True))

        def members_fit(value: Any) -> bool:
            if isinstance(value, dict):
                for name, member in value.items():
                    if not known.get(name, others)(member):
                        return False
            return True

        return (members_fit,)

    def _conditional(self, condition: Any, then: Any, otherwise: Any) -> Verdict:
        holds, if_so, if_not = self.verdict(condition), self.verdict(then), self.verdict(otherwise)
        return lambda value: if_so(value) if holds(value) else if_not(value)

    def _reference(self, reference: str) -> Verdict:
        """A definition may refer to itself, so it is looked up when it is used."""

        def refer(value: Any) -> bool:
            return self.by_reference[reference](value)

        if reference not in self.by_reference:
            self.by_reference[reference] = lambda _value: True
            target: Any = self.root
            for key in reference.removeprefix("#/").split("/"):
                target = target[key]
            self.by_reference[reference] = self.verdict(target)
        return refer

    def _keyword(self, name: str, expected: Any) -> Verdict:  # noqa: C901 - one keyword after the other
        match name:
            case "$ref":
                return self._reference(expected)
            case "type":
                kinds = [_TYPES[kind] for kind in ([expected] if isinstance(expected, str) else expected)]
                return kinds[0] if len(kinds) == 1 else lambda value: any(kind(value) for kind in kinds)
            case "enum":
                return lambda value: any(_same(value, each) for each in expected)
            case "required":
                return lambda value: not isinstance(value, dict) or all(key in value for key in expected)
            case "minProperties":
                return lambda value: not isinstance(value, dict) or len(value) >= expected
            case "propertyNames":
                names = self.verdict(expected)
                return lambda value: not isinstance(value, dict) or all(map(names, value))
            case "items":
                items = self.verdict(expected)
                return lambda value: not isinstance(value, list) or all(map(items, value))
            case "pattern":
                matches = compile_pattern(expected).search
                return lambda value: not isinstance(value, str) or matches(value) is not None
            case "minLength":
                return lambda value: not isinstance(value, str) or len(value) >= expected
            case "maxLength":
                return lambda value: not isinstance(value, str) or len(value) <= expected
            case "minimum":
                return lambda value: not _TYPES["number"](value) or value >= expected
            case "maximum":
                return lambda value: not _TYPES["number"](value) or value <= expected
            case "anyOf":
                choices = [self.verdict(each) for each in expected]
                return lambda value: any(choice(value) for choice in choices)
            case "oneOf":
                choices = [self.verdict(each) for each in expected]
                return lambda value: sum(choice(value) for choice in choices) == 1
        raise ValueError(f"keyword {name!r} has no meaning here")


def _all_of(tests: Sequence[Verdict]) -> Verdict:
    """Return the test that all of `tests` pass. A loop takes half the time of `all` with a generator."""

    def fits(value: Any) -> bool:
        for test in tests:  # noqa: SIM110
            if not test(value):
                return False
        return True

    return fits


def _same(one: Any, other: Any) -> bool:
    """Compare as JSON does: true is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
