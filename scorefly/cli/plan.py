"""`plan`: shows what a deploy would change."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.arguments import Command, options
from scorefly.cli.json_run import progress_option, run_as_json
from scorefly.cli.session import Session, run_command


@click.command(cls=Command)
@options("plan")
@click.option(
    "--subtree",
    "subtrees",
    multiple=True,
    metavar="NAME",
    help="Plan only this project, environment, unit or folder of a tree.",
)
@progress_option
@click.pass_obj
def plan(session: Session, /, progress: str, **values: Any) -> None:
    """Show what deploy would change, and write plan.json. Changes nothing.

    \b
    Examples:
      scorefly plan --environment production --app-prefix acme-
      scorefly plan --environment production --subtree shop
    """
    if progress == "json":
        run_as_json("plan", values, session)
    run_command("plan", values, session)
