"""`validate`: checks all files."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.arguments import Command, options
from scorefly.cli.session import Session, run_command


@click.command(cls=Command)
@options("validate")
@click.pass_obj
def validate(session: Session, /, **values: Any) -> None:
    """Check Score, project and provisioner files, and report every problem."""
    run_command("validate", values, session)
