"""The highest version among tags."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

_PARTS = re.compile(r"[0-9]+|[A-Za-z]+", re.ASCII)


def is_pattern(tag: str) -> bool:
    """Report whether a tag is a pattern for several."""
    return any(sign in tag for sign in "*?[")


def highest_version(pattern: str, tags: Iterable[str]) -> str:
    """Return the tag with the highest version that matches a pattern; empty where none does.

    Pre-releases such as `v2.0.0-rc1` count only where the pattern has a `-`, too.
    """
    pre_releases = "-" in pattern
    matching = [tag for tag in tags if fnmatchcase(tag, pattern) and (pre_releases or not _suffix(tag))]
    return max(matching, key=version_key, default="")


def version_key(tag: str) -> tuple[tuple[tuple[int, int, str], ...], bool, tuple[tuple[int, int, str], ...], str]:
    """Return what tags are compared by: numbers as numbers, and a pre-release before its release."""
    suffix = _suffix(tag)
    return _parts(tag.removesuffix(f"-{suffix}") if suffix else tag), not suffix, _parts(suffix), tag


def _suffix(tag: str) -> str:
    """The pre-release of a version: what follows a `-` after a digit."""
    match = re.search(r"(?<=[0-9])-(.+)$", tag.partition("+")[0])
    return match[1] if match else ""


def _parts(text: str) -> tuple[tuple[int, int, str], ...]:
    """Numbers compare below words, as in Semantic Versioning."""
    words = _PARTS.findall(text.partition("+")[0])
    return tuple((0, int(word), "") if word.isdigit() else (1, 0, word) for word in words)
