"""Takes secret texts out of what is about to be shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

LEAST = 4  # shorter texts stand everywhere: taking them out would tell more than it hides


class Redactor:
    """Knows the secrets of a run; safe to use from several threads.

    A secret is found as it is, line by line, and as `repr`, JSON, base64, URLs and `writers` write it: what is
    shown in some format needs that format's writer here.
    """

    def __init__(self, *writers: Callable[[str], str]) -> None:
        self._writers = writers
        self._texts: set[str] = set()
        # By their first characters: a run may have thousands of secrets, and no line may have to try them all.
        self._forms: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def add(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Hides these from now on, and returns those that are new."""
        with self._lock:
            new = tuple(text for text in dict.fromkeys(texts) if text and text not in self._texts)
            self._texts.update(new)
            for text in new:
                for form in self._written(text):
                    self._forms.setdefault(form[:LEAST], set()).add(form)
        return new

    def redact(self, text: str) -> str:
        """The text with `***` for every secret in it; secrets that overlap go together."""
        with self._lock:
            if not self._forms:
                return text
            shown, kept_from = [], 0
            for start, end in self._found(text):
                shown += [text[kept_from:start], "***"]
                kept_from = end
        return "".join([*shown, text[kept_from:]])

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Where secrets stand: spans in order that do not overlap."""
        begin = end = -1
        for start in range(len(text) - LEAST + 1):
            forms = self._forms.get(text[start : start + LEAST])
            longest = max((len(form) for form in forms if text.startswith(form, start)), default=0) if forms else 0
            if not longest:
                continue
            if start > end:
                if end > 0:
                    yield begin, end
                begin = start
            end = max(end, start + longest)
        if end > 0:
            yield begin, end

    def _written(self, text: str) -> Iterator[str]:
        if len(text) < LEAST:
            return
        for part in {text, *(line.strip() for line in text.splitlines())}:
            yield from (form for form in (part, *(write(part) for write in self._writers)) if len(form) >= LEAST)
        yield from _encoded(text)


def _encoded(text: str) -> Iterator[str]:
    """A secret of at least LEAST characters as other formats write it."""
    import json
    from base64 import b64encode, urlsafe_b64encode
    from urllib.parse import quote

    yield repr(text)[1:-1]
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    # JSON may escape half a pair of UTF-16, which is no text that UTF-8 has.
    data = text.encode("utf-8", "surrogatepass")
    yield b64encode(data).decode().rstrip("=")
    yield urlsafe_b64encode(data).decode().rstrip("=")
    yield quote(data)
    yield quote(data, safe="")
