"""`preview`: deploys and destroys the environments of pull requests."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.arguments import Command, options
from scorefly.cli.session import Session, run_command


@click.command(cls=Command)
@options("preview")
@click.pass_obj
def preview(session: Session, /, **values: Any) -> None:
    """In a workflow: deploy a pull request as environment pr-<number>, and destroy it when it is closed."""
    run_command("preview", values, session)
