"""`deploy`: deploys what changed."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.arguments import Command, options
from scorefly.cli.session import Session, run_command


@click.command(cls=Command)
@options("deploy")
@click.pass_obj
def deploy(session: Session, /, **values: Any) -> None:
    """Generate, then create or update every app that changed, in dependency order.

    \b
    Examples:
      scorefly deploy --rehearse
      FLY_API_TOKEN=… scorefly deploy --org acme --region ams --app-prefix acme-
    """
    run_command("deploy", values, session)
