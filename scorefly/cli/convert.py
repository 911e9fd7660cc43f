"""`convert`: from fly.toml to Score."""

from __future__ import annotations

from pathlib import Path

import click

from scorefly.cli.session import Session


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--output", default="", metavar="DIR", help="Folder to write to.  [default: beside each fly.toml]")
@click.pass_obj
def convert(session: Session, paths: tuple[str, ...], output: str) -> None:
    """Convert fly.toml files into Score files. A folder stands for every fly.toml below it; no file is overwritten."""
    from scorefly.commands.convert import convert as convert_files

    converted = convert_files(Path.cwd(), paths, output)
    for problem in converted.problems:
        session.progress.problem(problem)
    for path in converted.written:
        session.write(f"{path} written")
    session.write("Next: scorefly validate")
    session.write("To take over the apps that run on Fly:")
    for environment, apps in converted.apps.items():
        session.write(f"  scorefly adopt {' '.join(sorted(apps))} --environment {environment or 'production'}")
