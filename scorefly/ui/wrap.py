"""Lines that fit a terminal: broken between words, as wide characters are."""

from __future__ import annotations

from unicodedata import combining, east_asian_width


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)


def wrapped(text: str, width: int | None, indent: str = "  ") -> list[str]:
    """Break a line between words; those after the first are indented. A word that is too long stays whole."""
    if width is None or cells(text) <= width:
        return [text]
    lines: list[str] = []
    start = text[: len(text) - len(text.lstrip())]
    line = ""
    for word in text.split():
        lead = start if not lines else start + indent
        if line and cells(f"{lead}{line} {word}") > width:
            lines.append(f"{lead}{line}")
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, f"{start if not lines else start + indent}{line}"]


def fitting(text: str, width: int) -> str:
    """Return as much of a text as fits `width` cells, with `…` where it was cut."""
    if cells(text) <= width:
        return text
    room = width - 1
    for index, character in enumerate(text):
        room -= cells(character)
        if room < 0:
            return f"{text[:index]}…" if width > 0 else ""
    return text
