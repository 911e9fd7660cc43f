"""Takes secret texts out of what is about to be shown."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from scorefly.problems import SHORTENED
from scorefly.ui.lines import one_line
from scorefly.values import worth_hiding

_USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://([^/?#\s]*)@")
# As they are, as `markdown.in_code` and as `markdown.mermaid_label` write them.
_BACKSLASHES = re.compile(r"(?:\\|&?#92;)+")
_QUOTE = re.compile(r"""['"]|&?#3[49];""")
MIN_SECRET_LENGTH = 4  # shorter texts stand everywhere: taking them out would tell more than it hides


class Redactor:
    """Knows the secrets of a run; safe to use from several threads.

    A secret is found as it is, line by line, and as `repr`, JSON, base64, URLs and `writers` write it: what is
    shown in some format needs that format's writer here. The end of a text that was shortened with `…` is compared with
    the beginnings of secrets. A secret that is part of a public name is shown there, as everybody knows the name.
    """

    def __init__(self, *writers: Callable[[str], str]) -> None:
        self._writers = writers
        self._texts: set[str] = set()
        # By their first characters: a run may have thousands of secrets, and no line may have to try them all.
        self._forms: dict[str, set[str]] = {}
        self._published: dict[str, None] = {}  # public names that no secret was compared with yet
        self._public: set[str] = set()
        self._all_public = ""
        self._shelters: dict[str, list[tuple[str, int]]] = {}
        self._lock = threading.Lock()

    def add(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Hides these from now on, and returns those that are new."""
        with self._lock:
            new = tuple(text for text in dict.fromkeys(texts) if text and text not in self._texts)
            self._texts.update(new)
            for text in new:
                for form in self._written(text):
                    self._forms.setdefault(form[:MIN_SECRET_LENGTH], set()).add(form)
        return new

    def publish(self, names: Iterable[str]) -> None:
        """Leave these names as they are from now on, whatever secret equals them or a part of them."""
        with self._lock:
            self._published.update(dict.fromkeys(names))

    def is_public(self, text: str) -> bool:
        """Return whether a text is a public name, or a part of one."""
        with self._lock:
            return bool(self._sheltering(_collapse(text)[0]))

    def redact(self, text: str) -> str:
        """The text with `***` for every secret in it; secrets that overlap go together."""
        with self._lock:
            if not self._forms:
                return text
            collapsed, origins = _collapse(text)
            shown, kept_from = [], 0
            for start, end in self._found(collapsed):
                shown += [text[kept_from : origins[start]], "***"]
                kept_from = origins[end]
        return "".join([*shown, text[kept_from:]])

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Return where secrets stand: spans in order that do not overlap."""
        begin = end = -1
        for start in range(len(text) - MIN_SECRET_LENGTH + 1):
            longest = self._length_at(text, start)
            if not longest:
                continue
            if start > end:
                if end > 0:
                    yield begin, end
                begin = start
            end = max(end, start + longest)
        if end > 0:
            yield begin, end

    def _length_at(self, text: str, start: int) -> int:
        """Return the length of the longest secret at a position, or 0."""
        forms = self._forms.get(text[start : start + MIN_SECRET_LENGTH])
        if not forms:
            return 0
        found = (form for form in forms if text.startswith(form, start) and not self._is_sheltered(text, start, form))
        longest = max(map(len, found), default=0)
        cut = text.find(SHORTENED, start + MIN_SECRET_LENGTH)
        if cut > start + longest and any(form.startswith(text[start:cut]) for form in forms):
            return cut - start
        return longest

    def _is_sheltered(self, text: str, start: int, form: str) -> bool:
        return any(start >= offset and text.startswith(name, start - offset) for name, offset in self._sheltering(form))

    def _sheltering(self, form: str) -> list[tuple[str, int]]:
        """Return the public names that hold a text, with where in them it is."""
        self._write_published()
        if form not in self._all_public:
            return []
        if form not in self._shelters:
            self._shelters[form] = [
                (name, offset)
                for name in self._public
                if form in name
                for offset in range(len(name))
                if name.startswith(form, offset)
            ]
        return self._shelters[form]

    def _write_published(self) -> None:
        """Write names that were published since the last time in all forms: most runs show no secret and need none."""
        if not self._published:
            return
        for name in filter(None, self._published):
            forms = (name, *(write(name) for write in self._writers))
            self._public.update(_collapse(form)[0] for form in forms)
        self._published.clear()
        self._all_public = "\0".join(self._public)  # one search tells that a text is in none of thousands
        self._shelters.clear()

    def _written(self, text: str) -> Iterator[str]:
        if len(text) < MIN_SECRET_LENGTH:
            return
        for part in pieces(text):
            for form in dict.fromkeys(_encoded(part)):
                written = (form, *(write(form) for write in self._writers))
                yield from (each for form in written if len(each := _collapse(form)[0]) >= MIN_SECRET_LENGTH)


def _collapse(text: str) -> tuple[str, Sequence[int]]:
    """Return a text with one backslash for any run of them and none before a quote, and where each character was.

    However often `repr` and JSON quoted a text that was quoted before, this is the same.
    """
    if "\\" not in text and "#92;" not in text:
        return text, range(len(text) + 1)
    shown: list[str] = []
    origins: list[int] = []
    kept_from = 0
    for run in _BACKSLASHES.finditer(text):
        shown.append(text[kept_from : run.start()])
        origins += range(kept_from, run.start())
        kept_from = run.end()
        if not _QUOTE.match(text, run.end()):
            shown.append("\\")
            origins.append(run.start())
    shown.append(text[kept_from:])
    origins += range(kept_from, len(text) + 1)
    return "".join(shown), origins


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
    parts.update(dict.fromkeys((*url_passwords(text), *_users(text))))
    parts.update(dict.fromkeys(each for each in _leaves(text) if worth_hiding(each)))
    for part in list(parts):
        parts.update(dict.fromkeys((normalize("NFC", part), normalize("NFD", part))))
    return tuple(part for part in parts if len(part) >= MIN_SECRET_LENGTH)


def url_passwords(text: str) -> Iterator[str]:
    """Yield the passwords of URLs in a text, as written and decoded."""
    from urllib.parse import unquote

    for found in _USERINFO.finditer(text):
        password = found[1].partition(":")[2]
        yield from (password, unquote(password))


def _users(text: str) -> Iterator[str]:
    """Yield the users of URLs that are worth hiding, as written and decoded: some are tokens."""
    from urllib.parse import unquote

    for found in _USERINFO.finditer(text):
        user = found[1].partition(":")[0]
        yield from (each for each in (user, unquote(user)) if worth_hiding(each))


def _leaves(text: str) -> Iterator[str]:
    """Yield the strings in a secret that is JSON, such as the key of a service account."""
    import json

    if not text.lstrip().startswith(("{", "[")):
        return
    try:
        trees = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    while trees:
        tree = trees.pop()
        if isinstance(tree, str):
            yield tree
        elif isinstance(tree, dict | list):
            trees += tree.values() if isinstance(tree, dict) else tree


def _encoded(text: str) -> Iterator[str]:
    """Yield a secret of at least LEAST characters as other formats write it."""
    from base64 import b64encode, urlsafe_b64encode

    # JSON may escape half a pair of UTF-16, which UTF-8 cannot encode.
    data = text.encode("utf-8", "surrogatepass")
    yield text
    yield b64encode(data).decode().rstrip("=")
    yield urlsafe_b64encode(data).decode().rstrip("=")
    if not (text.isascii() and text.isalnum()):  # all others write that as it is
        yield from _escaped(text, data)


def _escaped(text: str, data: bytes) -> Iterator[str]:
    """Yield a secret as formats escape it, and as messages quote that again."""
    import html
    import shlex
    from urllib.parse import quote, quote_plus

    # YAML and TOML in double quotes, and YAML in single ones.
    yaml = (text.replace("\\", "\\\\").replace('"', '\\"'), text.replace("'", "''"))
    shell = shlex.quote(text)
    written = (text, *_quoted(text), *yaml, shell, shell[1:-1], html.escape(text), html.escape(text, quote=False))
    for each in dict.fromkeys(written):
        yield each
        yield from _quoted(each)
    for url in (quote(data), quote(data, safe=""), quote_plus(data)):
        yield url
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), url)


def _quoted(text: str) -> Iterator[str]:
    """Yield a text as `repr` and JSON write it between quotes of any kind, and as `one_line` does."""
    import json

    plain = repr('"' + text)[2:-1]  # in single quotes, which it escapes
    yield from (plain, plain.replace("\\'", "'"), repr(text)[1:-1], ascii(text)[1:-1])
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    yield one_line(text)
