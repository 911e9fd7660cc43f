"""Text that stays on its line: control characters are written out."""

from __future__ import annotations


def one_line(text: str) -> str:
    """The text with control characters as escapes, so that it can neither break a line nor move a cursor.

    Redact first: a secret with such a character in it is another text afterwards.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
