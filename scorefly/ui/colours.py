"""Colours of severities and statuses."""

from __future__ import annotations

_COLOURS = {
    "error": "31",
    "warning": "33",
    "notice": "36",
    "created": "32",
    "deployed": "32",
    "failed": "31",
    "skipped": "33",
    "removed": "33",
}


def paint(text: str, name: str, coloured: bool) -> str:
    """The text in the colour of a severity or status."""
    return f"\033[{_COLOURS[name]}m{text}\033[0m" if coloured and name in _COLOURS else text
