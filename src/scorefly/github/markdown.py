"""GitHub's Markdown, with everything that comes from elsewhere kept from meaning anything.

Each character is escaped by itself, so that a part of a text is written as it is in the whole: a redactor finds
a secret in what these made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

SUMMARY_LIMIT = 1024 * 1024  # bytes of one step's summary
_LONG_LINE = 2000  # characters: a longer line is cut in the middle
_ROOM_TO_CLOSE = 100  # characters, for the ends of what a cut leaves open, beside a long fence

_SPECIAL = re.compile(r"[\\`*_{}\[\]()#+!|<>~$:-]|(?<=w)\.")
# In HTML's <code> Markdown goes on: emphasis, links and bare addresses are still read.
_SPECIAL_IN_CODE = re.compile(r"[&<>|@`*_\[\]\\~$!]|:(?=//)|(?<=w)\.")


def text(value: str) -> str:
    """A text that shows as it is, on one line; `@name` calls nobody, and an address is no link."""
    escaped = _SPECIAL.sub(r"\\\g<0>", _line(value).replace("&", "&amp;"))
    # Mentions are looked for in what is shown: only a character of no width keeps a name from its @.
    return escaped.replace("@", "&#64;&#8203;")


def code(value: str) -> str:
    """A text as code, in a table too. HTML, for a `|` cannot be written both in a table's code and outside."""
    inner = in_code(value)
    return f"<code>{inner}</code>" if inner else ""


def in_code(value: str) -> str:
    """A text as `code` writes it between its tags."""
    return _SPECIAL_IN_CODE.sub(lambda found: f"&#{ord(found[0])};", _line(value))


def link(label: str, url: str) -> str:
    """A link, when the address is one of the web."""
    if not re.fullmatch(r"https?://[A-Za-z0-9._~:/?#@!$&'*+,;=%-]+", url):
        return text(label)
    return f"[{text(label)}]({url})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def fence(value: str, language: str = "") -> str:
    """Lines of code as they are, behind a fence longer than any in them."""
    marks = "`" * max(3, 1 + max((len(found) for found in re.findall("`+", value)), default=0))
    return f"{marks}{language}\n{value.rstrip()}\n{marks}"


def details(title: str, body: str) -> str:
    """Markdown folded under a title, which is Markdown already."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def mermaid_label(value: str) -> str:
    """A text inside the quotes of a Mermaid label."""
    return "".join(each if each.isalnum() or each in " .-_/:" else f"#{ord(each)};" for each in _line(value))


def write_summary(path: Path, markdown: str) -> None:
    """Appends to the step's summary; what is over GitHub's limit is cut with a note."""
    note = "_The rest was over GitHub's limit for summaries._"
    content = shorten(markdown, SUMMARY_LIMIT, note, size=lambda line: len(line.encode()))
    with path.open("ab") as file:
        file.write(content.encode())


def shorten(markdown: str, limit: int, note: str, *, size: Callable[[str], int] = len) -> str:
    """Return Markdown of at most `limit`, cut at a line's end. What the cut leaves open is closed before the note."""
    if size(markdown) <= limit:
        return markdown
    room = limit - size(note) - _ROOM_TO_CLOSE
    kept: list[str] = []
    fence_marks, folded = "", 0
    for line in markdown.splitlines(keepends=True):
        if size(line) > room:
            if len(line) > _LONG_LINE:
                kept.append(line.encode()[:room].decode(errors="ignore"))
            break
        room -= size(line)
        kept.append(line)
        if marks := re.match(r"`{3,}", line):
            if not fence_marks:
                fence_marks = marks[0]
            elif line.strip() == fence_marks:
                fence_marks = ""
        elif not fence_marks:
            folded += line.count("<details>") - line.count("</details>")
        room -= len(fence_marks) if fence_marks and line.startswith(fence_marks) else 0
    ends = [fence_marks] if fence_marks else []
    return "\n".join(["".join(kept).rstrip("\n"), *ends, *(["", "</details>"] * folded), "", note, ""])


def _line(value: str) -> str:
    """On one line, and nothing in it that cannot be seen, such as what turns the direction of writing."""
    line = " ".join(value.split())
    return line if line.isprintable() else "".join(each if each.isprintable() else "\ufffd" for each in line)
