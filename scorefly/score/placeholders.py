"""Placeholders: `${metadata.…}` and `${resources.…}` in the texts of a Score file.

The rules are score-go's, which every Score implementation shares: `$$` is a dollar, `$${x}` is the text `${x}`,
and `\\.` is a dot inside a key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from scorefly.problems import nearest
from scorefly.values import Plain, Text, Tree, join, to_text

Reference: TypeAlias = tuple[str, ...]
Lookup: TypeAlias = Callable[[Reference], Tree]

_PLACEHOLDER = re.compile(r"\$(?:(\$?)\{([^}]*)\}|\$)")
_DOLLARS = re.compile(r"\$\$(?:(?!)()())?")  # the same groups, which never match
MAX_TEXT = 4 << 20  # characters that placeholders may add to one text
MAX_ALL_TEXT = 256 << 20  # and to all texts of a run, mounted files included
ROOTS = ("metadata", "resources")


class UnknownReference(Exception):  # noqa: N818 - a lookup's answer, not a program's error
    """A placeholder names nothing: why, and what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


_LEFT: ContextVar[list[int] | None] = ContextVar("left", default=None)


@contextmanager
def bounded_texts() -> Iterator[None]:
    """Give all texts that placeholders make inside one limit to share."""
    token = _LEFT.set([MAX_ALL_TEXT])
    try:
        yield
    finally:
        _LEFT.reset(token)


def count_text(length: int) -> None:
    """Count what a placeholder or a mounted file adds. Raises UnknownReference beyond the limit of all together."""
    left = _LEFT.get()
    if left is not None:
        left[0] -= length
        if left[0] < 0:
            raise UnknownReference(
                f"placeholders and files make more than {MAX_ALL_TEXT >> 20} MiB together", "make them smaller"
            )


def split(inner: str) -> Reference:
    """The keys between `${` and `}`."""
    return tuple(key.replace("\0", ".") for key in inner.replace("\\.", "\0").split("."))


def references(text: str) -> tuple[Reference, ...]:
    """Every placeholder of a text, in order; escaped ones are none."""
    if "$" not in text:
        return ()
    return tuple(split(match[2]) for match in _matches(text) if match[2] is not None and not match[1])


_UNFINISHED = re.compile(
    r"\$\{(?:resources|metadata)\b[^}\s]*|\$\(?(?:resources|metadata)\.[\w.-]+\)?"
    r"|\{\{-?\s*\$?\.?(?:resources|metadata|secrets|vars|env)\.[^{}]*\}\}"
)


def unfinished(text: str) -> str:
    """Return the first part of a text that looks like a placeholder and is none; empty where there is none."""
    if "$" not in text and "{{" not in text:
        return ""
    parts, end = [], 0
    for match in _matches(text):
        parts.append(text[end : match.start()])
        end = match.end()
    found = _UNFINISHED.search("\n".join((*parts, text[end:])))
    return found[0] if found else ""


def reference_offsets(text: str) -> tuple[tuple[int, Reference], ...]:
    """Every placeholder with the number of characters before it."""
    return tuple((match.start(), split(match[2])) for match in _matches(text) if match[2] is not None and not match[1])


def _matches(text: str) -> Iterator[re.Match[str]]:
    """Find placeholders and escapes in linear time.

    Up to the last `}` every `${` has an end; only after it could each of many search the whole rest in vain.
    """
    end = text.rfind("}") + 1
    yield from _PLACEHOLDER.finditer(text, 0, end)
    yield from _DOLLARS.finditer(text, end)


def substitute(text: str, lookup: Lookup) -> Text:
    """The text with every placeholder replaced; secret when anything in it is. Raises UnknownReference."""
    if "$" not in text:
        return text
    parts: list[Text] = []
    end = size = 0
    for match in _matches(text):
        parts.append(text[end : match.start()])
        end = match.end()
        if match[2] is None or match[1]:
            parts.append(match[0][1:])
            continue
        value = to_text(_look_up(split(match[2]), match[0], lookup))
        length = len(value if isinstance(value, str) else str(value.value))
        size += length
        if size > MAX_TEXT:
            raise UnknownReference(f"the placeholders make a text of more than {MAX_TEXT} characters")
        count_text(length)
        parts.append(value)
    return join((*parts, text[end:]))


def substitute_tree(tree: Plain, lookup: Lookup) -> Tree:
    """The data with the placeholders of all its texts replaced. Raises UnknownReference."""
    if isinstance(tree, dict):
        return {key: substitute_tree(value, lookup) for key, value in tree.items()}
    if isinstance(tree, list):
        return [substitute_tree(value, lookup) for value in tree]
    return substitute(tree, lookup) if isinstance(tree, str) else tree


def check_root(reference: Reference, written: str) -> None:
    """Refuses a placeholder that begins with neither `metadata` nor `resources`."""
    if reference[0] not in ROOTS:
        meant = nearest(reference[0], ROOTS, "the roots are:")
        raise UnknownReference(
            f"{written} begins with neither `metadata` nor `resources`",
            f"to keep the text as it is write ${written}; {meant}",
        )


def metadata_lookup(metadata: Mapping[str, Plain]) -> Lookup:
    """Looks `metadata.…` references up."""

    def lookup(reference: Reference) -> Tree:
        value: Plain = dict(metadata)
        for key in reference[1:]:
            if not isinstance(value, dict) or key not in value:
                raise UnknownReference(f"there is no {'.'.join(reference)!r}", "name a key of metadata")
            value = value[key]
        if len(reference) < 2:
            raise UnknownReference("metadata is no value", "name a key of it, such as metadata.name")
        return value  # type: ignore[return-value]  # plain data is a tree

    return lookup


def _look_up(reference: Reference, written: str, lookup: Lookup) -> Tree:
    check_root(reference, written)
    return lookup(reference)
