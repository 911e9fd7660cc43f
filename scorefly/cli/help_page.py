"""Help pages: options under headings, and every command's description in full."""

from __future__ import annotations

import inspect
from typing import Any, get_args

import click

from scorefly.config.option import Group as OptionGroup

_OTHER = "Other"
_HEADINGS = (*get_args(OptionGroup), _OTHER)


class GroupedOption(click.Option):
    """An option that a help page shows below the heading of its group."""

    def __init__(self, *arguments: Any, group: str = _OTHER, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.group = group


def write_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write the options of a command, group after group; a single group needs no heading of its own."""
    rows: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None:
            rows.setdefault(getattr(parameter, "group", _OTHER), []).append(record)
    headings = [each for each in _HEADINGS if each in rows]
    for heading in headings:
        title = "Options" if len(headings) == 1 else f"{heading} options"
        with formatter.section(title):
            formatter.write_dl(rows[heading])


def write_commands(group: click.Group, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write each command of a group with the whole first paragraph of its description."""
    found = [(name, group.get_command(ctx, name)) for name in group.list_commands(ctx)]
    rows = [(name, summary(command)) for name, command in found if command and not command.hidden]
    if rows:
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def summary(command: click.Command) -> str:
    """Return the first paragraph of a command's description, on one line."""
    return " ".join(inspect.cleandoc(command.help or "").split("\n\n")[0].split())
