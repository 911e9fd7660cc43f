"""Faults of the embedded Fly: answers that are lost, cut, delayed or garbled, as asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from msgspec import Struct, field

LOST = -1
_HTML = b"<!doctype html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1>\n"


class Fault(Struct):
    """A failure of the first `times` requests that match, beginning with match number `first`.

    Without a `kind` Fly answers with `status` and changes nothing; 0 closes the connection instead. With a `kind`
    Fly does what it was asked to, and the answer is spoilt: see `KINDS`. `delay` is in seconds.
    """

    method: str
    path: str
    status: int = 0
    times: int = 1
    retry_after: str = ""
    kind: str = ""
    first: int = 1
    delay: float = 0.0

    def applies_to(self, method: str, path: str) -> bool:
        """Count a request, and decide whether it fails."""
        if self.times <= 0 or self.method not in ("*", method) or not fnmatchcase(path, self.path):
            return False
        self.first -= 1
        if self.first > 0:
            return False
        self.times -= 1
        return True


class SpoiltAnswer(Struct, frozen=True):
    """An answer's body and headers. `sent` is the number of bytes sent before the connection is closed:
    LOST sends not even the headers."""

    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


KINDS: Mapping[str, Callable[[bytes], SpoiltAnswer]] = {
    "lost": lambda content: SpoiltAnswer(content, sent=LOST),
    "cut": lambda content: SpoiltAnswer(content, sent=len(content) // 2),
    "half": lambda content: SpoiltAnswer(_half(content)),
    "html": lambda _: SpoiltAnswer(_HTML, {"Content-Type": "text/html"}),
    "empty": lambda _: SpoiltAnswer(b""),
    "gzip": lambda content: SpoiltAnswer(content, {"Content-Encoding": "gzip"}),
    "shape": lambda _: SpoiltAnswer(b'[{"id": {"not": ["what", "was", "asked"]}}, 7, null]'),
    "null": lambda _: SpoiltAnswer(b"null"),
    "late": SpoiltAnswer,
}
WORDS = tuple(kind for kind in KINDS if kind != "late")  # a time stands for `late`


def parse_seconds(text: str) -> float | None:
    """Return the seconds of `100ms` or `1.5s`, or None."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s)", text, re.ASCII)
    return None if match is None else float(match[1]) / (1000 if match[2] == "ms" else 1)


def parse_fault(text: str) -> Fault | None:
    """Return the fault in `METHOD:PATH:KIND[:TIMES[:FIRST]]`, or None. KIND is a status, a word or a time."""
    match = re.fullmatch(r"([A-Z]+|\*):([/*][^:]*):([0-9a-z.]+)(?::(\d{1,9}))?(?::(\d{1,9}))?", text, re.ASCII)
    if match is None:
        return None
    method, path, kind = match[1], match[2], match[3]
    times, first = int(match[4] or 1), int(match[5] or 1)
    if re.fullmatch(r"0|[45]\d\d", kind, re.ASCII):
        return Fault(method, path, int(kind), times, first=first)
    if kind in WORDS:
        return Fault(method, path, times=times, kind=kind, first=first)
    delay = parse_seconds(kind)
    return None if delay is None else Fault(method, path, times=times, kind="late", first=first, delay=delay)
