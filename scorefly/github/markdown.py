"""GitHub's Markdown, with everything that comes from elsewhere kept from meaning anything.

Each character is escaped by itself, so that a part of a text is written as it is in the whole: a redactor finds
a secret in what these made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from scorefly import safe_files
from scorefly.problems import external_error

SUMMARY_LIMIT = 1024 * 1024  # bytes of one step's summary

_LONG_LINE = 4096  # characters: a longer line is cut in the middle

_SPECIAL = re.compile(r"[\\`*_{}\[\]()#+!|<>~$:-]|(?<=w)\.")
# In HTML's <code> Markdown goes on: emphasis, links and bare addresses are still read.
_SPECIAL_IN_CODE = re.compile(r"[&<>|@`*_\[\]\\~$!]|:(?=//)|(?<=w)\.")

_COMMAND = re.compile(r"`((?:scorefly|fly|flyctl|gh|git|docker|SCOREFLY_[A-Z_]+=\S*) [^`]*)`")


def text(value: str) -> str:
    """A text that shows as it is, on one line; `@name` notifies no one, and an address is not a link."""
    escaped = _SPECIAL.sub(r"\\\g<0>", _line(value).replace("&", "&amp;"))
    # Mentions are looked for in what is shown: only a character of no width keeps a name from its @.
    return escaped.replace("@", "&#64;&#8203;")


def code(value: str) -> str:
    """A text as code, in a table too. HTML, for a `|` cannot be written both in a table's code and outside."""
    inner = in_code(value)
    return f"<code>{inner}</code>" if inner else ""


def in_code(value: str) -> str:
    """A text between HTML tags, where no Markdown is read: as `code` writes it, or in a <summary>."""
    return _SPECIAL_IN_CODE.sub(lambda found: f"&#{ord(found[0])};", _line(value))


def prose(value: str) -> str:
    """A text whose commands between backticks are code, to be copied."""
    parts = _COMMAND.split(value)
    return "".join(code(part) if index % 2 else _part(part) for index, part in enumerate(parts))


def _part(value: str) -> str:
    """A part of a line as `text` writes it, with a space at an end that has one."""
    inner = text(value)
    if not inner:
        return " " if value else ""
    return f"{' ' * value[:1].isspace()}{inner}{' ' * value[-1:].isspace()}"


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
    """Append to the step's summary; what is over GitHub's limit is cut with a note. Raises ScoreflyError."""
    note = "_The rest was over GitHub's limit for summaries._\n"
    shown = cut(markdown, SUMMARY_LIMIT, note, size=lambda part: len(part.encode(errors="replace")))
    try:
        safe_files.append(path, shown.encode(errors="replace"))
    except OSError as error:
        raise external_error(f"the job summary cannot be written: {error.strerror}", "check the disk") from error


def cut(markdown: str, limit: int, note: str, *, size: Callable[[str], int] = len) -> str:
    """Return as many whole lines as the limit allows, with open code and folded parts closed, and a note."""
    if size(markdown) <= limit:
        return markdown
    kept: list[str] = []
    closing: list[str] = []
    room = limit - size(f"\n\n{note}")
    for line in markdown.splitlines(keepends=True):
        after = _open_after(line, closing)
        left = room - size("".join(f"{each}\n\n" for each in after))
        if size(line) > left:
            # Without its end a line of prose is better than nothing; a shorter one is left out as a whole.
            kept += [_first(line, left, size)] if len(line) > _LONG_LINE and after == closing else []
            break
        room -= size(line)
        kept.append(line)
        closing = after
    text = "".join(kept)
    ends = "".join(f"{each}\n\n" for each in reversed(closing))
    return f"{text}{'' if text.endswith(chr(10)) else chr(10)}\n{ends}{note}"


def _first(line: str, room: int, size: Callable[[str], int]) -> str:
    part = line[: max(room, 0)]
    while (over := size(part) - room) > 0:
        part = part[: -max(1, over // 4)]
    return part


def _open_after(line: str, closing: list[str]) -> list[str]:
    """Return what closes all that is open after a line: fences and folded parts, as we write them."""
    found = re.match(r"(`{3,})(.*)", line)
    if closing and closing[-1].startswith("```"):
        ends = line.rstrip() == closing[-1]
        return closing[:-1] if ends else closing
    if found and "`" not in found[2]:
        return [*closing, found[1]]
    if line.startswith("<details>"):
        return [*closing, "</details>"]
    return closing[:-1] if line.startswith("</details>") and closing else closing


def _line(value: str) -> str:
    """On one line, and nothing in it that cannot be seen, such as what turns the direction of writing."""
    line = " ".join(value.split())
    return line if line.isprintable() else "".join(each if each.isprintable() else "\ufffd" for each in line)
