"""Commands that look after the state of environments."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.arguments import Command, options
from scorefly.cli.session import Session


@click.group()
def state() -> None:
    """Look after the state of environments."""


@state.command("new-key")
def state_new_key() -> None:
    """Print a new key to encrypt state with: store it as the secret SCOREFLY_STATE_KEY."""
    from scorefly.state.encryption import new_key

    click.echo(new_key())


@state.command("show", cls=Command)
@options("state show", score_files=False)
@click.pass_obj
def state_show(session: Session, /, **values: Any) -> None:
    """Show everything the state knows but secrets, as YAML.

    \b
    Example:
      scorefly state show --state git --environment production
    """
    import yaml

    from scorefly.commands.state import show_state

    shown = show_state(session.settings("state show", values))
    session.write(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=120).rstrip("\n"))


@state.command("unlock", cls=Command)
@options("state unlock", score_files=False)
@click.pass_obj
def state_unlock(session: Session, /, **values: Any) -> None:
    """Take the lock from a run that is dead. One that is alive stops when it saves next.

    \b
    Example:
      scorefly state unlock --state git --environment production
    """
    from scorefly.commands.state import unlock_state

    settings = session.settings("state unlock", values)
    holder = unlock_state(settings)
    session.write(
        f"{settings.environment} was locked by {holder}" if holder else f"{settings.environment} is not locked"
    )


@state.command("rotate-key", cls=Command)
@options("state rotate-key", score_files=False)
@click.pass_obj
def state_rotate_key(session: Session, /, **values: Any) -> None:
    """Encrypt the state with the first key of state-key.

    \b
    Example, with the new key in front of the old one:
      SCOREFLY_STATE_KEY="$NEW
      $OLD" scorefly state rotate-key --state git --environment production
    """
    from scorefly.commands.state import rotate_key

    place = rotate_key(session.settings("state rotate-key", values), session.progress)
    session.progress.clear()
    session.write(f"{place} is encrypted with the first key now: the others are not needed for it any longer")


@state.command("rebind", cls=Command)
@options("state rebind", score_files=False)
@click.pass_obj
def state_rebind(session: Session, /, **values: Any) -> None:
    """Bind the state to this repository, after it was renamed or moved.

    \b
    Example:
      scorefly state rebind --state git --environment production
    """
    from scorefly.commands.state import rebind

    settings = session.settings("state rebind", values)
    place = rebind(settings, session.progress)
    session.progress.clear()
    session.write(f"{place} belongs to {settings.repository or 'no repository'} now")


@state.command("import", cls=Command)
@options("state import", score_files=False)
@click.argument("path", default=".score-flyio/state.yaml", metavar="[FILE]")
@click.pass_obj
def state_import(session: Session, /, path: str, **values: Any) -> None:
    """Take over what score-flyio knows: its resources with their passwords, its provisioners, its apps.

    \b
    Example:
      scorefly state import .score-flyio/state.yaml --environment production --state git
    """
    from scorefly.commands.state_import import import_score_flyio
    from scorefly.state.session import open_state

    settings = session.settings("state import", values)
    with open_state(settings, session.progress) as keeper:
        found = import_score_flyio(settings, path, keeper, session.progress)
    session.progress.clear()
    session.write(f"{settings.environment} knows {len(found.resources)} resources and {len(found.apps)} apps more")
    if found.taken_over:
        session.write(f"taken over on Fly: {', '.join(found.taken_over)}")
    if found.provisioners:
        session.write(f"their provisioners are in {found.provisioners}")
    if found.app_prefix:
        session.write(f"say app-prefix: {found.app_prefix} in scorefly.yaml")
    session.write(f"delete {path} when all is well: everybody can read its passwords")
