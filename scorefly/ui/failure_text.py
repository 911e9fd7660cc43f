"""The details of failed apps, for people: at a terminal and in a job summary."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scorefly.github.markdown import code, details, fence, text
from scorefly.problems import Problem
from scorefly.report.failure import FailureDetails
from scorefly.report.report import AppReport
from scorefly.ui.lines import one_line

MAX_APPS = 20


def failure_lines(apps: Sequence[AppReport]) -> list[str]:
    """Return a block of lines for each failed app; the problem itself and the deploy's output were shown before."""
    lines: list[str] = []
    for app in apps:
        failure = app.failure
        if failure is None:
            continue
        lines.append(f"{app.app} failed:")
        lines += [f"  {each}" for each in failure.exits]
        if failure.log:
            lines += ["  last lines of its log:", *(f"    {each}" for each in failure.log)]
        lines += [f"  still running: {failure.running}"] if failure.running else []
        lines += [f"  see {failure.dashboard}"] if failure.dashboard else []
        lines.append("")
    return list(map(one_line, lines))


def failure_markdown(apps: Sequence[AppReport], show: Callable[[Problem], str]) -> str:
    """Return a section of Markdown for each failed app; `show` writes its problem as Markdown."""
    failed = [(app, failure) for app in apps if (failure := app.failure)]
    parts = [
        failure_section(app.app, failure, problem=show(app.problem) if app.problem else "")
        for app, failure in failed[:MAX_APPS]
    ]
    return "\n\n".join([*parts, *([f"… and {len(failed) - MAX_APPS} more apps failed"] if failed[MAX_APPS:] else [])])


def failure_section(app: str, failure: FailureDetails, *, heading: str = "###", problem: str = "") -> str:
    """Return a section of Markdown about a failed app: what it ended with, the end of its log, where to read on.

    `problem` is Markdown; it may name the command that shows the log.
    """
    command = code(f"fly logs -a {app}")
    real = [command] * (command not in problem) + [f"[dashboard]({failure.dashboard})"] if failure.dashboard else []
    lines = [
        *map(text, failure.exits),
        *([problem] if problem else []),
        *([f"still running: {code(failure.running)}"] if failure.running else []),
        *([f"read on: {' · '.join(real)}"] if real else []),
    ]
    parts = [f"{heading} {text(app)} failed", "\n".join(f"- {line}" for line in lines)]
    if failure.log:
        parts.append(f"Last lines of its log:\n\n{fence(_lines(failure.log), 'text')}")
    if failure.output:
        parts.append(details("Last output of the deploy", fence(_lines(failure.output), "text")))
    return "\n\n".join(part for part in parts if part)


def _lines(lines: Sequence[str]) -> str:
    return "\n".join(map(one_line, lines))
