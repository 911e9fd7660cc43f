"""The base of records that hold secrets."""

from __future__ import annotations

from msgspec import Struct


class Confidential(Struct, frozen=True):
    """A record that is never shown as text: it may hold secrets."""

    def __repr__(self) -> str:
        """Return the name of its type, and none of its values."""
        return f"<{type(self).__name__}>"
