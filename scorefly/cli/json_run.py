"""Runs of commands whose progress and outcome are JSON lines, for programs."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

from scorefly.cli.session import Session
from scorefly.problems import ScoreflyError

progress_option = click.option(
    "--progress",
    type=click.Choice(["plain", "json"]),
    default="plain",
    show_default=True,
    help="Output: text for people, or one JSON object per line for programs.",
)


def run_as_json(command: str, values: dict[str, Any], session: Session) -> NoReturn:
    """Run a command that ends in a report, write its events to standard output, and end the process."""
    from scorefly.commands.registry import execute
    from scorefly.ui.json_lines import JsonProgress

    lines = JsonProgress(sys.stdout, session.progress)
    try:
        report = execute(session.settings(command, values, lines), lines)
    except ScoreflyError as error:
        for problem in error.problems:
            lines.problem(problem)
        lines.end(None, error.exit_code)
        sys.exit(error.exit_code)
    if not report.units:
        lines.plan(report.environment, report)
    lines.end(report, report.exit_code)
    sys.exit(report.exit_code)
