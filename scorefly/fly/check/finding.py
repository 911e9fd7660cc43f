"""A finding of the checker: the document and the path in it, what is wrong, and what to do."""

from __future__ import annotations

from msgspec import Struct

from scorefly.problems import Severity

Path = tuple[str | int, ...]
DOCUMENT = "fly.toml"


class Finding(Struct, frozen=True):
    """One cause. `path` leads to the value by its keys and positions as they are written in `document`.

    An error is what flyctl or Fly refuses, or drops without a word; a warning is what they change or ignore.
    """

    path: Path
    message: str
    hint: str = ""
    severity: Severity = "error"
    document: str = DOCUMENT

    @property
    def where(self) -> str:
        """The path as text, empty for the document itself."""
        return dotted(self.path)


def dotted(path: Path) -> str:
    """A path as people write it: `services[0].ports[1].port`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")
