"""Commands about one running app: logs, open."""

from __future__ import annotations

import sys
from typing import Any

import click

from scorefly import interruption
from scorefly.cli.arguments import Command, format_option, options
from scorefly.cli.session import Session


@click.command(cls=Command)
@options("logs", score_files=False)
@click.argument("name", metavar="WORKLOAD")
@click.option("--follow/--no-follow", default=True, show_default=True, help="Wait for new lines until interrupted.")
@click.option("--machine", default="", metavar="ID", help="Only the log of this Machine.")
@format_option
@click.pass_obj
def logs(session: Session, /, name: str, follow: bool, machine: str, shape: str, **values: Any) -> None:
    """Show the log of a workload's app, and follow it until you press Ctrl-C. Secrets are taken out.

    With `--format json`, each line is an object; with `--no-follow` they are one array.

    \b
    Examples:
      scorefly logs web --environment production
      scorefly logs web --no-follow
    """
    from msgspec import to_builtins

    from scorefly.commands.logs import read_logs, selected_app

    settings = session.settings("logs", {**values, "workload": (name,)})
    app = selected_app(settings, session.progress)
    session.progress.clear()
    lines = read_logs(settings, app, machine=machine, follow=follow)
    if shape == "json" and not follow:
        session.write_json([to_builtins(line) for line in lines])
        return
    try:
        for line in lines:
            if shape == "json":
                session.write_json(to_builtins(line), indent=None)
            else:
                session.write(" ".join(filter(None, (line.at, line.region, line.machine, line.level, line.message))))
    except interruption.Interrupted as interrupted:
        interruption.ignore_further_signals()
        session.progress.clear()
        sys.exit(interrupted.exit_code)


@click.command("open", cls=Command)
@options("open", score_files=False)
@click.argument("names", nargs=-1, metavar="[WORKLOAD]")
@format_option
@click.pass_obj
def open_(session: Session, /, names: tuple[str, ...], shape: str, **values: Any) -> None:
    """Print the URL of a workload; at a terminal, open it in a browser.

    \b
    Example:
      scorefly open web --environment production
    """
    from scorefly.cli.browser import open_browser
    from scorefly.commands.status import find_url

    settings = session.settings("open", {**values, "workload": names})
    app = find_url(settings, session.progress)
    session.progress.clear()
    if shape == "json":
        session.write_json({"workload": app.workload, "app": app.name, "url": app.url})
        return
    session.write(app.url)
    if sys.stdout.isatty() and not settings.rehearse:
        open_browser(app.url, session.environ)
