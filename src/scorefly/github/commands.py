"""Workflow commands: how a step talks to GitHub's runner on standard output.

Of actions-toolkit the modules below `core` are used: `core` itself imports an HTTP client that no command needs.
What the runner takes for a command is told by its `ActionCommand` and `ActionCommandManager`.
"""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Iterable, Mapping
from typing import Literal

Level = Literal["error", "warning", "notice"]


def mask(text: str) -> None:
    """Hides a text in the log from here on, and each of its lines: the runner looks at one line at a time."""
    from actions_toolkit.command import issue_command

    # Half a pair of UTF-16, which JSON can hold, cannot be printed: neither here nor by anybody who would leak it.
    printable = text.encode("utf-8", "replace").decode()
    for each in dict.fromkeys((printable, *(line.strip() for line in printable.splitlines()))):
        if each.strip():
            issue_command("add-mask", {}, each)


def annotate(level: Level, message: str, properties: Mapping[str, str | int]) -> None:
    """An annotation; `properties` are the command's own: file, line, col, title."""
    from actions_toolkit.command import issue_command

    issue_command(level, dict(properties), message)


def group(title: str, lines: Iterable[str]) -> None:
    """Lines that came from elsewhere, folded under a title; no line of them is taken for a command."""
    from actions_toolkit.command import issue

    issue("group", title)
    try:
        untrusted(lines)
    finally:
        issue("endgroup")


def untrusted(lines: Iterable[str]) -> None:
    """Prints lines while workflow commands are switched off, until a token comes that nobody can guess."""
    token = secrets.token_hex(24)
    sys.stdout.write(f"::stop-commands::{token}\n")
    try:
        for line in lines:
            sys.stdout.write(f"{line}\n")
    finally:
        sys.stdout.write(f"::{token}::\n")


def plain(line: str) -> None:
    """A line of our own, which may name what others wrote: fenced off where it could be taken for a command."""
    if _may_be_command(line):
        untrusted([line])
    else:
        sys.stdout.write(f"{line}\n")


def _may_be_command(line: str) -> bool:
    """Whether the runner might act on a line: `::` begins it, spaces aside, or `##[` is anywhere in it.

    The runner compares as its culture does, which passes over characters that have no width: only visible ASCII
    counts here.
    """
    visible = re.sub(r"[^!-~]+", "", line)
    return visible.startswith("::") or "##[" in visible


def set_output(name: str, value: str) -> None:
    """An output of the step."""
    from actions_toolkit.file_command import issue_file_command, prepare_key_value_message

    issue_file_command("OUTPUT", prepare_key_value_message(name, value))
