"""Ask a person to confirm before something is removed."""

from __future__ import annotations

import sys

from scorefly.cli.prompt import read_answer
from scorefly.cli.session import Session
from scorefly.problems import input_error, option_place
from scorefly.ui.lines import one_line


def confirm(session: Session, what: str, *, sure: bool, name: str = "") -> None:
    """Ask a person at a terminal to confirm, by typing `name` if it is given; anywhere else --yes is required."""
    if sure:
        return
    if not sys.stdin.isatty():
        raise input_error(f"{what}?", "add --yes: there is no terminal to ask on", option_place("yes"))
    session.progress.clear()
    question = f"{what}? Type {name} to confirm: " if name else f"{what}? [y/N]: "
    if not _is_confirmed(one_line(session.progress.redact(question)), name):
        session.write("nothing was changed", err=True)
        sys.exit(1)


def _is_confirmed(question: str, name: str) -> bool:
    if name:
        return read_answer(question) == name
    answer = "?"
    while answer not in ("", "y", "yes", "n", "no"):
        answer = read_answer(question).lower()
    return answer in ("y", "yes")
