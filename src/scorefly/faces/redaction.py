"""Takes secret texts out of what is about to be shown."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterable, Iterator

LEAST = 4  # shorter texts stand everywhere: taking them out would tell more than it hides


class Redactor:
    """Knows the secrets of a run; safe to use from several threads."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def add(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Hides these from now on, and returns those that are new."""
        with self._lock:
            new = tuple(text for text in dict.fromkeys(texts) if text and text not in self._texts)
            self._texts.update(new)
            if new:
                self._pattern = None
        return new

    def redact(self, text: str) -> str:
        """The text with `***` for every secret in it."""
        with self._lock:
            if not self._texts:
                return text
            if self._pattern is None:
                forms = {form for each in self._texts for form in _forms(each) if len(form) >= LEAST}
                longest_first = sorted(forms, key=lambda form: (-len(form), form))
                self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
            pattern = self._pattern
        return pattern.sub("***", text)


def _forms(text: str) -> Iterator[str]:
    """A secret as it is, line by line, and as JSON and base64 write it."""
    yield text
    yield from (line.strip() for line in text.splitlines())
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield b64encode(text.encode()).decode()
