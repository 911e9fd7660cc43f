"""GitHub's Markdown, with everything that comes from elsewhere kept from meaning anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

SUMMARY_LIMIT = 1024 * 1024  # bytes of one step's summary

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~$-])")


def text(value: str) -> str:
    """A text that shows as it is, on one line; `@name` calls nobody."""
    line = " ".join(value.split())
    return _SPECIAL.sub(r"\\\1", line.replace("&", "&amp;")).replace("@", "&#64;").replace("://", "&#58;//")


def code(value: str) -> str:
    """A text as code, in a table too. HTML, for no number of backticks is safe inside a table's cell."""
    line = " ".join(value.split())
    for character, entity in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("|", "&#124;"),
        ("@", "&#64;"),
        ("`", "&#96;"),
    ):
        line = line.replace(character, entity)
    return f"<code>{line}</code>" if line else ""


def link(label: str, url: str) -> str:
    """A link, when the address is one of the web."""
    if not re.fullmatch(r"https?://[A-Za-z0-9._~:/?#@!$&'*+,;=%-]+", url):
        return text(label)
    return f"[{text(label)}]({url})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def mermaid_label(value: str) -> str:
    """A text inside the quotes of a Mermaid label."""
    return "".join(each if each.isalnum() or each in " .-_/:" else f"#{ord(each)};" for each in " ".join(value.split()))


def write_summary(path: Path, markdown: str) -> None:
    """Appends to the step's summary; what is over GitHub's limit is cut with a note."""
    content = markdown.encode()
    if len(content) > SUMMARY_LIMIT:
        note = b"\n\n_The rest was over GitHub's limit for summaries._\n"
        content = content[: SUMMARY_LIMIT - len(note)].decode(errors="ignore").encode() + note
    with path.open("ab") as file:
        file.write(content)
