"""`init`: files to start from."""

from __future__ import annotations

from pathlib import Path

import click

from scorefly.cli.session import Session


@click.command()
@click.pass_obj
def init(session: Session) -> None:
    """Write a sample score.yaml, scorefly.yaml and workflow. What is there already stays."""
    from scorefly.commands.init import init as write_samples

    written, kept = write_samples(Path.cwd())
    for path in kept:
        session.write(f"{path} is there already, and stays as it is")
    for path in written:
        session.write(f"{path} written")
    session.write("Next: scorefly validate, then scorefly deploy --rehearse")
