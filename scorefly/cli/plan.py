"""`plan`: shows what a deploy would change."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.arguments import Command, options
from scorefly.cli.session import Session, run_command


@click.command(cls=Command)
@options("plan")
@click.pass_obj
def plan(session: Session, /, **values: Any) -> None:
    """Show what deploy would change, and write plan.json. Changes nothing.

    \b
    Example:
      scorefly plan --environment production --app-prefix acme-
    """
    run_command("plan", values, session)
