"""Commands about what was deployed: status, history, rollback."""

from __future__ import annotations

from typing import Any

import click

from scorefly.cli.arguments import Command, format_option, options
from scorefly.cli.session import Session
from scorefly.ui.terminal import table


def workload_arguments(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the options with workloads that were named as arguments."""
    return {**values, "workload": (*(values.get("workload") or ()), *names)}


@click.command(cls=Command)
@options("status", score_files=False)
@click.argument("names", nargs=-1, metavar="[WORKLOAD]...")
@format_option
@click.pass_obj
def status(session: Session, /, names: tuple[str, ...], shape: str, **values: Any) -> None:
    """Show what runs: commit, image, Machines, checks, URL and drift of each app.

    \b
    Examples:
      scorefly status --environment production
      scorefly status web --format json
    """
    from scorefly.commands.registry import execute
    from scorefly.report.report import redacted_report
    from scorefly.report.status import status_json

    settings = session.settings("status", workload_arguments(values, names))
    report = execute(settings, session.progress)
    if shape == "table":
        session.report(report)
        return
    session.progress.clear()
    shown = redacted_report(report, session.progress.redact)
    session.write_json([status_json(each) for each in shown.running])


@click.command(cls=Command)
@options("history", score_files=False)
@click.argument("names", nargs=-1, metavar="[WORKLOAD]...")
@format_option
@click.pass_obj
def history(session: Session, /, names: tuple[str, ...], shape: str, **values: Any) -> None:
    """List the last releases of each workload, newest first.

    \b
    Example:
      scorefly history web --environment production
    """
    from msgspec import to_builtins

    from scorefly.commands.status import history as list_releases
    from scorefly.ui.status_text import history_rows

    settings = session.settings("history", workload_arguments(values, names))
    rows = list_releases(settings, session.progress)
    if shape == "json":
        session.progress.clear()
        session.write_json([to_builtins(row) for row in rows])
    else:
        session.write("\n".join(table(history_rows(rows))) if rows else f"no releases of {settings.environment}")


@click.command(cls=Command)
@options("rollback", score_files=False)
@click.argument("names", nargs=-1, metavar="[WORKLOAD]...")
@format_option
@click.pass_obj
def rollback(session: Session, /, names: tuple[str, ...], shape: str, **values: Any) -> None:
    """Deploy an earlier release again: its artefact and image, with the secrets as they are now.

    Without a commit, the last deploy is undone. The environment stays there until a commit is deployed that is newer
    than what was rolled back.

    \b
    Examples:
      scorefly rollback --environment production
      scorefly rollback web --to 9bb6137
    """
    import sys

    from scorefly.commands.registry import execute
    from scorefly.report.report import redacted_report
    from scorefly.ui.outputs import app_json

    settings = session.settings("rollback", workload_arguments(values, names))
    report = execute(settings, session.progress)
    if shape == "table":
        session.report(report)
        return
    session.progress.clear()
    session.write_json([app_json(each) for each in redacted_report(report, session.progress.redact).apps])
    if report.exit_code:
        sys.exit(report.exit_code)
