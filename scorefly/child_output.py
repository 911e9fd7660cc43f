"""Readers of a child process's output, within bounds."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct, field

MAX_LINE = 1 << 16  # bytes
MAX_LINES = 50_000


class Sink(Protocol):
    """A reader of a program's output."""

    def feed(self, chunk: bytes) -> bool:
        """Take some bytes. False means that there are too many, which ends the program."""
        ...


class Buffer(Struct):
    """Output as bytes, up to a limit. Where `strict` is set, more than that ends the program."""

    limit: int
    strict: bool = True
    content: bytearray = field(default_factory=bytearray)
    cut: bool = False

    def feed(self, chunk: bytes) -> bool:
        """Take some bytes."""
        free = self.limit - len(self.content)
        self.content += chunk[:free]
        self.cut = self.cut or len(chunk) > free
        return not (self.cut and self.strict)


class Lines(Struct):
    """Output as lines, each given to `on_line` as it comes. Lines that are too long or too many are left out."""

    on_line: Callable[[str], None]
    _rest: bytearray = field(default_factory=bytearray)
    _long: bool = False
    _count: int = 0

    def feed(self, chunk: bytes) -> bool:
        """Take some bytes."""
        *whole, rest = re.split(rb"[\r\n]", chunk)
        for line in whole:
            self._add(line)
            self.end_line()
        self._add(rest)
        return True

    def end_line(self) -> None:
        """Give away the line that is under way; an empty one is the middle of a CR LF, or nothing."""
        text, long = self._rest.decode("utf-8", "replace"), self._long
        self._rest.clear()
        self._long = False
        if not (text or long):
            return
        self._count += 1
        if self._count <= MAX_LINES:
            self.on_line(f"(a line of more than {MAX_LINE >> 10} KiB)" if long else text)
        elif self._count == MAX_LINES + 1:
            self.on_line("… and more")

    def _add(self, part: bytes) -> None:
        if self._long or len(self._rest) + len(part) > MAX_LINE:
            self._rest.clear()
            self._long = True
        else:
            self._rest += part
