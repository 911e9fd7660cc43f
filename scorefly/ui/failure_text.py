"""The details of failed apps, for people: at a terminal and in a job summary."""

from __future__ import annotations

from collections.abc import Sequence

from scorefly.github.markdown import code, details, fence, text
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


def failure_markdown(apps: Sequence[AppReport]) -> str:
    """Return a section of Markdown for each failed app."""
    parts = []
    failed = [(app, failure) for app in apps if (failure := app.failure)]
    for app, failure in failed[:MAX_APPS]:
        lines = [f"- {text(each)}" for each in failure.exits]
        lines += [f"- still running: {code(failure.running)}"] if failure.running else []
        lines += [f"- [dashboard]({failure.dashboard})"] if failure.dashboard else []
        parts.append(f"### {text(app.app)} failed\n\n" + "\n".join(lines))
        for title, shown in (("Last lines of its log", failure.log), ("Last output of the deploy", failure.output)):
            if shown:
                parts.append(details(title, fence("\n".join(map(one_line, shown)), "text")))
    return "\n\n".join(parts)
