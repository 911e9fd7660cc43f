"""Commands that take things away: cleanup, destroy, remove-unused-secrets."""

from __future__ import annotations

import sys
from typing import Any

import click

from scorefly.cli.arguments import Command, options
from scorefly.cli.confirmation import confirm
from scorefly.cli.session import Session, run_command


@click.command(cls=Command)
@options("cleanup")
@click.pass_obj
def cleanup(session: Session, /, **values: Any) -> None:
    """Remove what is no longer used: secrets, resources with their apps, addresses, previews.

    Volumes, and resources that keep data on them, are reported. They are removed only if --cleanup lists volumes.

    \b
    Examples:
      scorefly cleanup --dry-run
      scorefly cleanup --cleanup secrets,resources,volumes
    """
    run_command("cleanup", values, session)


@click.command(cls=Command)
@options("destroy")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def destroy(session: Session, /, yes: bool, **values: Any) -> None:
    """Deprovision the environment's resources, destroy its apps with their data, and delete its state.

    Apps that scorefly did not create for this environment are kept.

    \b
    Examples:
      scorefly destroy --environment staging --dry-run
      scorefly destroy --environment staging --yes
    """
    from msgspec.structs import replace

    from scorefly.commands.registry import execute

    settings = session.settings("destroy", values)
    if not (yes or settings.dry_run):
        if sys.stdin.isatty():
            doomed = execute(replace(settings, dry_run=True), session.progress)
            session.show(doomed)
            if not (doomed.apps or doomed.findings):
                return
        confirm(
            session,
            f"Destroy environment {settings.environment} with all its data",
            sure=False,
            name=settings.environment,
        )
    session.report(execute(settings, session.progress))


@click.command("remove-unused-secrets", cls=Command)
@options("remove-unused-secrets")
@click.pass_obj
def remove_unused_secrets(session: Session, /, **values: Any) -> None:
    """Remove secrets from Fly that no Score file uses any longer."""
    run_command("remove-unused-secrets", values, session)
