"""`version` and `check-version`."""

from __future__ import annotations

import click

from scorefly import __version__
from scorefly.cli.arguments import Command
from scorefly.cli.session import Session


@click.command(cls=Command)
@click.pass_obj
def version(session: Session, /) -> None:
    """Print the version."""
    session.write(f"scorefly, version {__version__}")


@click.command("check-version", cls=Command)
@click.argument("constraint")
@click.pass_obj
def check_version(session: Session, /, constraint: str) -> None:
    """Fail unless this version of scorefly meets a constraint, for Makefiles and workflows.

    \b
    Examples:
      scorefly check-version =1.2.3
      scorefly check-version '>=1.2'
      scorefly check-version '>1'
    """
    from scorefly.commands.check_version import check

    check(constraint, __version__)
    session.write(f"scorefly {__version__} meets {constraint}")
