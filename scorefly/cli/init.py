"""`init`: files to start from."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from scorefly.cli.arguments import Command
from scorefly.cli.prompt import read_answer
from scorefly.cli.session import Session

_SOURCES = click.Choice(["fly.toml", "compose", "Dockerfile", "sample"])


@click.command(cls=Command)
@click.option("--file", "-f", "score_file", default="score.yaml", show_default=True, help="The Score file to write.")
@click.option("--no-sample", is_flag=True, help="Write no Score file.")
@click.option("--from", "source", type=_SOURCES, help="What to make the Score file from. Without it: what is here.")
@click.option("--app-prefix", metavar="TEXT", help="Prepended to the workload name to make the Fly app name.")
@click.option("--region", metavar="TEXT", help="Primary region, e.g. ams.")
@click.option("--provisioners", multiple=True, metavar="URI", help="Provisioner file to add, pinned, to scorefly.yaml.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def init(
    session: Session,
    /,
    score_file: str,
    no_sample: bool,
    source: str | None,
    app_prefix: str | None,
    region: str | None,
    provisioners: tuple[str, ...],
    yes: bool,
) -> None:
    """Write a Score file, a scorefly.yaml and a workflow. Files that exist are kept.

    The Score file is made from a fly.toml, a compose file or a Dockerfile, if there is one.

    \b
    Examples:
      scorefly init
      scorefly init --no-sample --app-prefix acme- --region ams
    """
    from scorefly.commands.init import Choices, default_prefix, sources_in, write_files
    from scorefly.commands.provisioners_add import add_provisioners, fetch_provisioners

    workspace = Path.cwd().resolve()
    found = sources_in(workspace)
    if sys.stdin.isatty() and not yes:
        region = region or _ask(session, "Region", "ams")
        app_prefix = app_prefix or _ask(session, "App prefix (app names are unique on Fly)", default_prefix(workspace))
        if not (no_sample or source) and found:
            source = _ask_source(session, found)
    choices = Choices(score_file, None if no_sample else source or found[0], app_prefix or "", region or "")
    for uri in provisioners:  # one that cannot be fetched is an error before anything is written
        fetch_provisioners(uri, session.environ)
    written = write_files(workspace, choices)
    for uri in provisioners:
        added = add_provisioners(uri, workspace, "scorefly.yaml", session.environ)
        session.write(f"scorefly.yaml: added {added.uri}")
    for path in written.kept:
        session.write(f"{path} is there already, and stays as it is")
    for path in written.written:
        session.write(f"{path} written")
    for note in written.notes:
        session.write(note)
    session.write("Next: scorefly validate, then scorefly deploy --rehearse")


def _ask(session: Session, question: str, default: str) -> str:
    session.progress.clear()
    return read_answer(f"{question} [{default}]: ") or default


def _ask_source(session: Session, found: tuple[str, ...]) -> str:
    """Ask what to make the Score file from, until the answer is one of the sources."""
    while True:
        answer = _ask(session, f"Make the Score file from ({', '.join(found)})", found[0])
        match = [name for name in found if name.casefold() == answer.casefold()]
        if match:
            return match[0]
