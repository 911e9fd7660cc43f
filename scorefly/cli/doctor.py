"""The command that checks what a deploy needs."""

from __future__ import annotations

import sys
from typing import Any

import click

from scorefly.cli.arguments import Command, format_option, options
from scorefly.cli.session import Session


@click.command(cls=Command)
@options("doctor", score_files=False)
@format_option
@click.pass_obj
def doctor(session: Session, /, shape: str, **values: Any) -> None:
    """Check flyctl, the Fly token, the state and its key, git and the GitHub token. Each error has its fix.

    \b
    Example:
      scorefly doctor --environment production --state git
    """
    from msgspec import to_builtins

    from scorefly.commands.doctor import diagnose

    settings = session.settings("doctor", values)
    checks = diagnose(settings, session.progress)
    session.progress.clear()
    if shape == "json":
        session.write_json([to_builtins(check) for check in checks])
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            session.write(f"{check.status.ljust(8)}{check.name.ljust(width)}  {check.detail}")
            if check.fix:
                session.write(f"{' ' * (10 + width)}fix: {check.fix}")
    if any(check.status == "error" for check in checks):
        sys.exit(1)
