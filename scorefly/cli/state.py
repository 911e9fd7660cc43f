"""Commands that look after the state of environments."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.arguments import options
from scorefly.cli.group import Group
from scorefly.cli.session import Session


@click.group(cls=Group)
def state() -> None:
    """Inspect and maintain state."""


@state.command("new-key")
def state_new_key() -> None:
    """Print a new key that encrypts state. Store it as the secret SCOREFLY_STATE_KEY."""
    from scorefly.state.encryption import new_key

    click.echo(new_key())


@state.command("show")
@options("state show", score_files=False)
@click.option(
    "--format", "shape", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="Output format."
)
@click.pass_obj
def state_show(session: Session, /, shape: str, **values: Any) -> None:
    """Show the state without its secrets, as YAML or JSON.

    \b
    Example:
      scorefly state show --state git --environment production
    """
    import yaml

    from scorefly.commands.state import show_state

    shown = show_state(session.settings("state show", values))
    if shape == "json":
        session.write_json(shown)
        return
    session.write(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=120).rstrip("\n"))


@state.command("unlock")
@options("state unlock", score_files=False)
@click.pass_obj
def state_unlock(session: Session, /, **values: Any) -> None:
    """Release the lock of a run that ended without releasing it. A run that is alive stops at its next save.

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


@state.command("rotate-key")
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


@state.command("rebind")
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


@state.command("import")
@options("state import", score_files=False)
@click.argument("path", default=".score-flyio/state.yaml", metavar="[FILE]")
@click.pass_obj
def state_import(session: Session, /, path: str, **values: Any) -> None:
    """Import the state of score-flyio: resources with their passwords, provisioners and apps.

    \b
    Example:
      scorefly state import .score-flyio/state.yaml --environment production --state git
    """
    from scorefly.commands.state_import import import_score_flyio
    from scorefly.run import open_run

    settings = session.settings("state import", values)
    with open_run(settings, session.progress) as run:
        found = import_score_flyio(run, path)
    session.progress.clear()
    session.write(f"imported {len(found.resources)} resources and {len(found.apps)} apps into {settings.environment}")
    if found.taken_over:
        session.write(f"taken over on Fly: {', '.join(found.taken_over)}")
    if found.provisioners:
        session.write(f"their provisioners are in {found.provisioners}")
    if found.app_prefix:
        session.write(f"say app-prefix: {found.app_prefix} in scorefly.yaml")
    session.write(f"delete {path} when all is well: everybody can read its passwords")
