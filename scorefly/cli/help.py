"""`help COMMAND`: the same page as `COMMAND --help`."""

from __future__ import annotations

import click

from scorefly.cli.arguments import Command


@click.command("help", cls=Command)
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help_(ctx: click.Context, /, words: tuple[str, ...]) -> None:
    """Show the help of a command."""
    page = ctx.find_root()
    for word in words:
        command = page.command.get_command(page, word) if isinstance(page.command, click.Group) else None
        if command is None:
            raise click.exceptions.NoSuchCommand(word, ctx=page)
        page = click.Context(command, info_name=word, parent=page)
    click.echo(page.get_help())
