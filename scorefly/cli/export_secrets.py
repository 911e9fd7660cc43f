"""`export-secrets`: the secrets of one app, in clear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scorefly.cli.arguments import Command, options
from scorefly.cli.session import Session
from scorefly.problems import external_error


@click.command("export-secrets", cls=Command)
@options("export-secrets", without=("--file", "-f"))  # `--file` is where it writes
@click.option(
    "--app", "app_name", default="", metavar="NAME", help="App or workload. Not needed if there is only one workload."
)
@click.option(
    "--output", "-o", "--file", "path", type=click.Path(dir_okay=False, path_type=Path), help="Write here, mode 0600."
)
@click.pass_obj
def export_secrets(session: Session, /, app_name: str, path: Path | None, **values: Any) -> None:
    """Print the secrets of an app as dotenv, or write them to a file that only you can read."""
    from scorefly import safe_files
    from scorefly.commands.listing import dotenv, export_secrets
    from scorefly.run import open_run

    settings = session.settings("export-secrets", values)
    with open_run(settings, session.progress) as run:
        content = dotenv(export_secrets(run, app_name))
        run.keeper.save()
    session.progress.clear()
    if path is None:
        click.echo(content, nl=False)
    else:
        try:
            safe_files.write(*safe_files.locate(Path.cwd().resolve(), path), content.encode(), private=True)
        except OSError as error:
            raise external_error(
                f"{path} cannot be written: {error.strerror}", "check the folder, and the disk"
            ) from error
        session.write(f"{path} written", err=True)
