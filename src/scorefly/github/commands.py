"""Workflow commands: how a step talks to GitHub's runner on standard output.

Of actions-toolkit the modules below `core` are used: `core` itself imports an HTTP client that no command needs.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterable, Mapping
from typing import Literal

Level = Literal["error", "warning", "notice"]


def mask(text: str) -> None:
    """Hides a text in the log from here on, and each of its lines: the runner looks at one line at a time."""
    from actions_toolkit.command import issue_command

    for each in dict.fromkeys((text, *(line.strip() for line in text.splitlines()))):
        if each:
            issue_command("add-mask", {}, each)


def annotate(level: Level, message: str, properties: Mapping[str, str | int]) -> None:
    """An annotation; `properties` are the command's own: file, line, col, title."""
    from actions_toolkit.command import issue_command

    issue_command(level, dict(properties), message)


def group(title: str, lines: Iterable[str]) -> None:
    """Lines that came from elsewhere, folded under a title; no line of them is taken for a command."""
    from actions_toolkit.command import issue

    issue("group", title)
    untrusted(lines)
    issue("endgroup")


def untrusted(lines: Iterable[str]) -> None:
    """Prints lines while workflow commands are switched off, until a token comes that nobody can guess."""
    token = secrets.token_hex(24)
    sys.stdout.write(f"::stop-commands::{token}\n")
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"::{token}::\n")


def plain(line: str) -> None:
    """A line of our own. A command can only begin a line, so one that looks like it is moved by a space."""
    sys.stdout.write(f" {line}\n" if line.lstrip().startswith(("::", "##[")) else f"{line}\n")


def set_output(name: str, value: str) -> None:
    """An output of the step."""
    from actions_toolkit.file_command import issue_file_command, prepare_key_value_message

    issue_file_command("OUTPUT", prepare_key_value_message(name, value))
