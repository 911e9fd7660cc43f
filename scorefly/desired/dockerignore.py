"""The patterns of a `.dockerignore`, as BuildKit reads them.

They are not those of a `.gitignore`: each is relative to the context's root, and `!` includes again what is below an
ignored folder. Rules: https://docs.docker.com/build/concepts/context/#dockerignore-files and moby/patternmatcher.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence

from msgspec import Struct

# Whether a path matched each of the patterns, by itself or because its folder did.
Matches = tuple[bool, ...]

_WILDCARDS = re.compile(r"[*?\[\]\\]")
_CLASS = re.compile(r"\[(\^?)((?:(?:\\.|[^\\\]\[*?-])(?:-(?:\\.|[^\\\]\[*?-]))?)+)\]", re.DOTALL)
_RANGE = re.compile(r"\\?(.)(?:-\\?(.))?", re.DOTALL)


class Pattern(Struct, frozen=True):
    """One pattern. `prefix` is its text up to the first wildcard, and `is_exception` says that it began with `!`.

    `expression` is a regular expression of all that it matches, empty for one that matches nothing.
    """

    matches: Callable[[str], bool]
    is_exception: bool
    prefix: str
    expression: str = ""


class DockerIgnore:
    """All patterns of a file. A pattern that is invalid ignores nothing; the builder refuses it."""

    def __init__(self, content: str) -> None:
        self._patterns = [_pattern(text) for text in _texts(content)]
        expressions = [pattern.expression for pattern in self._patterns if pattern.expression]
        self._any = re.compile("|".join(f"(?:{each})" for each in expressions), re.DOTALL) if expressions else None
        self._exceptions = [pattern for pattern in self._patterns if pattern.is_exception]

    def may_match(self, path: str) -> bool:
        """Report whether any pattern matches a path by itself: one comparison in place of one for each pattern."""
        return self._any is not None and self._any.fullmatch(path) is not None

    def match(self, path: str, folder: Matches) -> tuple[bool, Matches]:
        """Report whether a path, relative to the context, is ignored, with its matches, given those of its folder.

        A pattern that could not change the outcome is not compared, and counts as not matched for what is below.
        """
        ignored, matches = False, []
        for pattern, matched_folder in zip(self._patterns, folder or (False,) * len(self._patterns), strict=True):
            matched = matched_folder or (pattern.is_exception == ignored and pattern.matches(path))
            matches.append(matched)
            if matched:
                ignored = not pattern.is_exception
        return ignored, tuple(matches)

    def may_include_below(self, folder: str) -> bool:
        """Report whether an exception may match something below an ignored folder."""
        below = f"{folder}/"
        return any(each.prefix.startswith(below) or below.startswith(each.prefix) for each in self._exceptions)


def _texts(content: str) -> list[str]:
    """Return the patterns of a file, cleaned: `/a/./b/` is `a/b`."""
    texts = []
    for line in content.removeprefix("\ufeff").split("\n"):
        text = line.strip()
        if line.startswith("#") or not text:
            continue
        sign = "!" if text.startswith("!") else ""
        if path := text.removeprefix(sign).strip():
            cleaned = re.sub("^/+", "/", posixpath.normpath(path))
            texts.append(sign + (cleaned.removeprefix("/") or cleaned))
    return texts


def _pattern(text: str) -> Pattern:
    is_exception = text.startswith("!")
    path = text.removeprefix("!") if is_exception else text
    wildcard = _WILDCARDS.search(path)
    prefix = path[: wildcard.start()] if wildcard else f"{path}\0"
    parts = _parts(path)
    if parts is None:
        return Pattern(lambda _: False, is_exception, prefix)
    return Pattern(_matcher(path, parts), is_exception, prefix, _expression(path, parts))


def _expression(path: str, parts: Sequence[str]) -> str:
    literal = path.replace("*", "")
    if path.startswith("**") and not _WILDCARDS.search(path[2:]):
        return f".*{re.escape(literal)}|{re.escape(literal.removeprefix('/'))}"
    if path.endswith("**") and not _WILDCARDS.search(path[:-2]):
        return f"{re.escape(literal)}.*"
    return "".join(parts)


def _matcher(path: str, parts: Sequence[str]) -> Callable[[str], bool]:
    literal = path.replace("*", "")
    if path.startswith("**") and not _WILDCARDS.search(path[2:]):
        # `**/name` and `**name`: the second one is a plain suffix.
        return lambda other: other.endswith(literal) or f"/{other}" == literal
    if path.endswith("**") and not _WILDCARDS.search(path[:-2]):
        return lambda other: other.startswith(literal)
    expression = re.compile("".join(parts))
    return lambda other: expression.fullmatch(other) is not None


def _parts(path: str) -> Sequence[str] | None:
    """Return the parts of a regular expression; None for a pattern that is invalid."""
    parts, rest = [], path
    while rest:
        if rest.startswith("**"):
            rest = rest[2:].removeprefix("/")
            parts.append("(?:.*/)?" if rest else ".*")
        elif rest[0] in "*?":
            parts.append("[^/]*" if rest[0] == "*" else "[^/]")
            rest = rest[1:]
        elif rest[0] == "[":
            match = _CLASS.match(rest)
            ranges = [(low, high or low) for low, high in _RANGE.findall(match[2])] if match else []
            if match is None or any(low > high for low, high in ranges):
                return None
            inside = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in ranges)
            parts.append(f"[{match[1]}{inside}]")
            rest = rest[match.end() :]
        elif rest[0] == "\\":
            # A letter after a backslash is not a character of its own for the builder, and most are refused.
            if len(rest) == 1 or rest[1].isalnum():
                return None
            parts.append(re.escape(rest[1]))
            rest = rest[2:]
        else:
            parts.append(re.escape(rest[0]))
            rest = rest[1:]
    return parts
