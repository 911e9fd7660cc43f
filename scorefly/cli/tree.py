"""Commands for trees of projects: sync, repos, pin."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.arguments import Command, options
from scorefly.cli.session import Session


@click.command(cls=Command)
@options("sync", score_files=False)
@click.argument("names", nargs=-1, metavar="[SUBTREE]...")
@click.pass_obj
def sync(session: Session, /, names: tuple[str, ...], **values: Any) -> None:
    """Deploy what differs from git: every project and environment of the tree, or those named.

    \b
    A SUBTREE is a project, an environment, a unit (PROJECT.ENVIRONMENT) or a folder.
    Examples:
      scorefly sync --rehearse
      scorefly sync --environment production
      scorefly sync shop --prune
    """
    from scorefly.commands.sync import sync as run

    if names:
        values["subtrees"] = names
    settings = session.settings("sync", values)
    session.report(run(settings, session.progress))
