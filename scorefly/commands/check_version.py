"""`check-version`: compare the version of scorefly with a constraint."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from scorefly.problems import input_error, option_place

Version = tuple[int, ...]

_CONSTRAINT = re.compile(r"(>=|<=|>|<|=|)\s*v?(\d{1,9}(?:\.\d{1,9}){0,2})", re.ASCII)
_TESTS: Mapping[str, Callable[[Version, Version], bool]] = {
    "": lambda version, requirement: version[: len(requirement)] == requirement,
    "=": lambda version, requirement: version[: len(requirement)] == requirement,
    ">=": lambda version, requirement: version[: len(requirement)] >= requirement,
    ">": lambda version, requirement: version[: len(requirement)] > requirement,
    "<=": lambda version, requirement: version[: len(requirement)] <= requirement,
    "<": lambda version, requirement: version[: len(requirement)] < requirement,
}


def check(constraint: str, version: str) -> None:
    """Raise InputError unless the version meets the constraint. Missing parts of it mean any: `>1` is 2.0 or newer."""
    match = _CONSTRAINT.fullmatch(constraint.strip())
    if not match:
        hint = "write for example 1.2.3, =1.2.3, >=1.2 or >1"
        raise input_error(f"invalid version constraint {constraint!r}", hint, option_place("constraint"))
    numbers = re.match(r"[\d.]+", version)
    current = _parse(numbers[0] if numbers else "0")
    if not _TESTS[match[1]](current, _parse(match[2])):
        raise input_error(f"scorefly {version} does not meet {constraint.strip()}", "install another version")


def _parse(text: str) -> Version:
    return tuple(int(part) for part in text.strip(".").split("."))
