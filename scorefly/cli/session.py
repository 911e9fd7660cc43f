"""One run of the command line: the settings of its options, and its output."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from scorefly.config.load import load_settings
from scorefly.config.settings import Settings
from scorefly.problems import Problem
from scorefly.report.progress import Progress
from scorefly.report.report import Report, redacted_report
from scorefly.ui.activity import duration
from scorefly.ui.early_secrets import early_secrets, secrets_in_project_file
from scorefly.ui.lines import one_line
from scorefly.ui.terminal import next_command, report_text
from scorefly.ui.terminal_progress import LONG, TerminalProgress


class Session:
    """One run of the command line: its environment, what it hides, and how it shows things."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.debug = False
        self.started = time.monotonic()
        self.environ = environ
        self.progress = TerminalProgress(sys.stderr, environ)

    def fail(self, *problems: Problem) -> None:
        """Shows what ended the run, with where it came from when `--debug` asks."""
        self.progress.clear()
        for problem in problems:
            self.progress.problem(problem)
        if self.debug:
            import traceback

            with self.progress.output("traceback") as write:
                for line in self.progress.redact(traceback.format_exc()).splitlines():
                    write(line)

    def write(self, text: str, *, err: bool = False) -> None:
        """Writes lines without secrets, and with control characters written out: all that is not asked for raw."""
        self.progress.clear()
        lines = self.progress.redact(text).split("\n")
        click.echo("\n".join(map(one_line, lines)), err=err)

    def write_json(self, data: object, *, reveal: bool = False, indent: int | None = 2) -> None:
        """Writes JSON without secrets, unless they are asked for, and with what a terminal may obey escaped."""
        import json

        self.progress.clear()
        text = json.dumps(data, indent=indent, ensure_ascii=False)
        text = text if reveal else self.progress.redact(text)
        shown = (each if each == "\n" or each.isprintable() else json.dumps(each)[1:-1] for each in text)
        click.echo("".join(shown))

    def settings(self, command: str, values: dict[str, Any], progress: Progress | None = None) -> Settings:
        """Return the settings from the command line, the environment and the project file.

        Notices are shown by `progress`.
        """
        from scorefly.commands.registry import hide_given

        given = {name.replace("_", "-"): value for name, value in values.items() if value is not None and value != ()}
        workspace = Path.cwd().resolve()
        self.progress.hide(
            [*early_secrets(given, self.environ), *secrets_in_project_file(given, self.environ, workspace)]
        )
        settings = load_settings(command, given, self.environ, workspace, in_action=False)
        hide_given(settings, self.progress)
        if progress is None:
            self.progress.begin(f"scorefly {command}")
        for notice in settings.notices:
            (progress or self.progress).problem(notice)
        return settings

    def show(self, report: Report) -> None:
        """Writes a run's outcome to standard output."""
        self.progress.clear()
        shown = redacted_report(report, self.progress.redact)
        at_a_terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if at_a_terminal else None
        click.echo(report_text(shown, coloured=at_a_terminal and self.progress.coloured, width=width))
        if self.progress.quiet:
            return
        seconds = time.monotonic() - self.started
        if seconds >= LONG:
            click.echo(f"Took {duration(seconds)}", err=True)
        following = next_command(report)
        if at_a_terminal and following:
            click.echo(f"Next: {following}", err=True)

    def report(self, report: Report) -> None:
        """Shows the outcome, and ends the process where it is not a good one."""
        self.show(report)
        if report.exit_code:
            sys.exit(report.exit_code)


def run_command(command: str, values: dict[str, Any], session: Session) -> None:
    """Run a command that ends in a report, show it, and end the process where it is not a good one."""
    from scorefly.commands.registry import execute

    settings = session.settings(command, values)
    report = execute(settings, session.progress)
    if report.plan or report.plan_path:
        from scorefly.previews.plan_comment import comment_plan

        comment_plan(settings, report, session.progress)
    session.report(report)
