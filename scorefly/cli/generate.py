"""`generate`: writes the artefacts."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.arguments import Command, options
from scorefly.cli.session import Session, run_command


@click.command(cls=Command)
@options("generate")
@click.pass_obj
def generate(session: Session, /, **values: Any) -> None:
    """Validate, provision resources, and write a fly.toml for each app.

    \b
    Examples:
      scorefly generate
      scorefly generate web/score.yaml --images ghcr.io/acme/web:1.4
      scorefly generate --environment staging --override-property metadata.name=web-two
    """
    run_command("generate", values, session)
