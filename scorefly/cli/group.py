"""Groups of commands."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.arguments import Command, common_options
from scorefly.cli.help_page import write_commands, write_options


class Group(click.Group):
    """A group of commands."""

    command_class = Command

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.params += common_options()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the commands with their whole descriptions."""
        write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with its whole description."""
        write_commands(self, ctx, formatter)
