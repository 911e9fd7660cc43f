"""`completion` and `schema`: what shells and editors read."""

from __future__ import annotations

import click

from scorefly.cli.arguments import Command
from scorefly.cli.session import Session

COMPLETE_VARIABLE = "_SCOREFLY_COMPLETE"


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, /, shell: str) -> None:
    """Print a completion script for bash, zsh or fish.

    \b
    Examples:
      scorefly completion bash > ~/.local/share/bash-completion/completions/scorefly
      scorefly completion zsh > "${fpath[1]}/_scorefly"
      scorefly completion fish > ~/.config/fish/completions/scorefly.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is not None:
        script = kind(ctx.find_root().command, {}, "scorefly", COMPLETE_VARIABLE)
        click.echo(script.source_template % script.source_vars())


@click.command(cls=Command)
@click.argument("name", type=click.Choice(["project", "provisioners", "plan"]))
@click.pass_obj
def schema(session: Session, /, name: str) -> None:
    """Print a JSON Schema of scorefly.yaml, of provisioner files or of plan.json.

    \b
    Example:
      scorefly schema project > project.schema.json
    """
    from scorefly.commands.schema import schema_of

    session.write_json(schema_of(name))
