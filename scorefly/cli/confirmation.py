"""Asking a person before something is taken away."""

from __future__ import annotations

import sys

import click

from scorefly import interruption
from scorefly.cli.session import Session
from scorefly.problems import input_error, option_place
from scorefly.ui.lines import one_line


def confirm(session: Session, what: str, *, sure: bool) -> None:
    """Asks a person at a terminal; anybody else has to have said --yes."""
    if sure:
        return
    if not sys.stdin.isatty():
        raise input_error(f"{what}?", "add --yes to run without a terminal", option_place("yes"))
    if not _ask(one_line(session.progress.redact(f"{what}? [y/N]: "))):
        session.write("nothing was changed", err=True)
        sys.exit(1)


def _ask(question: str) -> bool:
    """Ask a person. Waits in slices, because a read that blocks may miss a signal that arrives just before it."""
    import select

    answer = "?"
    while answer not in ("", "y", "yes", "n", "no"):
        click.echo(question, nl=False, err=True)
        while not select.select([sys.stdin], [], [], interruption.WAKE)[0]:
            interruption.check()
        line = sys.stdin.readline()
        if not line:
            raise click.Abort
        answer = line.strip().lower()
    return answer in ("y", "yes")
