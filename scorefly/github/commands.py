"""Workflow commands: how a step talks to GitHub's runner on standard output.

Of actions-toolkit the modules below `core` are used: `core` itself imports an HTTP client that no command needs.
What the runner takes for a command is told by its `ActionCommand` and `ActionCommandManager`.
"""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from scorefly import safe_files
from scorefly.problems import external_error

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


def start_group(title: str) -> None:
    """Folds what follows under a title, until `end_group`."""
    from actions_toolkit.command import issue

    issue("group", title)


def end_group() -> None:
    """Ends what `start_group` began."""
    from actions_toolkit.command import issue

    issue("endgroup")


def stop_commands() -> str:
    """Switches workflow commands off. Returns the token that switches them on again, which cannot be guessed."""
    token = secrets.token_hex(24)
    sys.stdout.write(f"::stop-commands::{token}\n")
    return token


def resume_commands(token: str) -> None:
    """Switches workflow commands on again."""
    sys.stdout.write(f"::{token}::\n")


def plain(line: str) -> None:
    """A line of our own, which may name what others wrote: fenced off where it could be taken for a command."""
    fenced = _may_be_command(line)
    token = stop_commands() if fenced else ""
    sys.stdout.write(f"{line}\n")
    if fenced:
        resume_commands(token)


def _may_be_command(line: str) -> bool:
    """Decide whether the runner might act on a line: `::` begins it, spaces aside, or `##[` is anywhere in it.

    The runner compares as its culture does, which passes over characters that have no width: only visible ASCII
    counts here.
    """
    visible = re.sub(r"[^!-~]+", "", line)
    return visible.startswith("::") or "##[" in visible


def set_value(file: Path, name: str, value: str) -> None:
    """Append a value to one of the runner's files: an output of the step, or what its post step is to know.

    The file is named here, and not in our environment, where other code would find it. Raises ExternalError.
    """
    delimiter = f"ghadelimiter_{secrets.token_hex(16)}"
    try:
        safe_files.append(file, f"{name}<<{delimiter}\n{value}\n{delimiter}\n".encode())
    except OSError as error:
        raise external_error(f"output {name} cannot be written: {error.strerror}", "check the disk") from error
