"""Questions to a person at a terminal."""

from __future__ import annotations

import sys

import click

from scorefly import interruption


def read_answer(question: str) -> str:
    """Ask, and return the answer without spaces around it.

    Waits in slices, because a read that blocks may miss a signal that arrives just before it.
    """
    import select

    click.echo(question, nl=False, err=True)
    while not select.select([sys.stdin], [], [], interruption.WAKE)[0]:
        interruption.check()
    line = sys.stdin.readline()
    if not line:
        raise click.Abort
    return line.strip()
