"""`adopt`: take over apps that run."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.arguments import Command, options
from scorefly.cli.session import Session


@click.command(cls=Command)
@options("adopt", score_files=False)
@click.argument("apps", nargs=-1, metavar="APP...")
@click.option("--all", "every", is_flag=True, help="Every app that the Score files describe and that is on Fly.")
@click.pass_obj
def adopt(session: Session, /, apps: tuple[str, ...], every: bool, **values: Any) -> None:
    """Take over apps that run on Fly and that scorefly did not create. They are marked, and otherwise left as they are.

    An app that belongs to another environment is refused. Afterwards `plan` shows what a deploy would change.

    \b
    Examples:
      scorefly adopt web api --environment production
      scorefly adopt --all --environment production
    """
    from scorefly.commands.adopt import adopt as adopt_apps
    from scorefly.run import open_run

    if bool(apps) == every:
        raise click.UsageError("name the apps to take over, or pass --all" if not apps else "--all takes no names")
    settings = session.settings("adopt", values)
    with open_run(settings, session.progress) as run:
        done = adopt_apps(run, apps)
    session.progress.clear()
    would = "would be " if settings.dry_run else ""
    for name in done.adopted:
        session.write(f"{name}: {would}taken over")
    for name in done.unchanged:
        session.write(f"{name}: belongs to {settings.environment} already")
    for name in done.missing:
        session.write(f"{name}: not on Fly")
    if done.adopted and not settings.dry_run:
        session.write(f"Next: scorefly plan --environment {settings.environment}")
