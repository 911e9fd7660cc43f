"""Takes secret texts out of what is about to be shown."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator

from scorefly.values import worth_hiding

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
        for part in pieces(text):
            for form in dict.fromkeys(_encoded(part)):
                written = (form, *(write(form) for write in self._writers))
                yield from (each for each in written if len(each) >= LEAST)


def pieces(text: str) -> tuple[str, ...]:
    """Return a secret and every part of it that is secret by itself.

    Those are its lines, a token without its scheme, each token of a comma-separated list, and the user and password
    of a URL.
    """
    from unicodedata import normalize

    parts = dict.fromkeys((text, text.strip(), " ".join(text.split())))
    lines = [line.strip() for line in text.splitlines()]
    parts.update(dict.fromkeys(line for line in lines if len(lines) == 1 or worth_hiding(line)))
    bare = re.sub(r"^(?:FlyV1|Bearer|token|Basic)\s+", "", text.strip())
    parts[bare] = None
    if bare.startswith(("fm1", "fm2_")):
        parts.update(dict.fromkeys(part.strip() for part in bare.split(",")))
    parts.update(dict.fromkeys(_userinfo(text)))
    for part in list(parts):
        parts.update(dict.fromkeys((normalize("NFC", part), normalize("NFD", part))))
    return tuple(part for part in parts if len(part) >= LEAST)


def _userinfo(text: str) -> Iterator[str]:
    """Yield the password of a URL, and a user that is worth hiding, as written and decoded."""
    from urllib.parse import unquote

    found = re.match(r"\s*[A-Za-z][A-Za-z0-9+.-]*://([^/?#\s]*)@", text)
    if found:
        user, _, password = found[1].partition(":")
        yield from (each for each in (user, unquote(user)) if worth_hiding(each))
        yield from (password, unquote(password))


def _encoded(text: str) -> Iterator[str]:
    """Yield a secret of at least LEAST characters as other formats write it."""
    from base64 import b64encode, urlsafe_b64encode

    # JSON may escape half a pair of UTF-16, which is no text that UTF-8 has.
    data = text.encode("utf-8", "surrogatepass")
    yield text
    yield b64encode(data).decode().rstrip("=")
    yield urlsafe_b64encode(data).decode().rstrip("=")
    if not (text.isascii() and text.isalnum()):  # all others write that as it is
        yield from _escaped(text, data)


def _escaped(text: str, data: bytes) -> Iterator[str]:
    import html
    import json
    import shlex
    from urllib.parse import quote, quote_plus

    plain = repr('"' + text)[2:-1]  # in single quotes, which it escapes
    for written in (text, plain, plain.replace("\\'", "'"), repr(text)[1:-1]):
        yield written
        again = repr('"' + written)[2:-1]
        yield from (again, again.replace("\\'", "'"))
        yield from (json.dumps(written)[1:-1], json.dumps(written, ensure_ascii=False)[1:-1])
    yield ascii(text)[1:-1]
    # YAML and TOML in double quotes, and YAML in single ones.
    yield text.replace("\\", "\\\\").replace('"', '\\"')
    yield text.replace("'", "''")
    yield "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
    yield shlex.quote(text)
    yield shlex.quote(text)[1:-1]
    yield from (html.escape(text), html.escape(text, quote=False))
    for url in (quote(data), quote(data, safe=""), quote_plus(data)):
        yield url
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), url)
