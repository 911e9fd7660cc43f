"""Shows a run in a terminal: progress and problems on standard error, the outcome on standard output."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

from scorefly.github import markdown
from scorefly.problems import Problem
from scorefly.report.report import AppReport, Report
from scorefly.ui.lines import one_line
from scorefly.ui.plan_view import totals
from scorefly.ui.redaction import Redactor
from scorefly.ui.wording import counts
from scorefly.ui.wrap import cells

_COLOURS = {
    "error": "31",
    "warning": "33",
    "notice": "36",
    "created": "32",
    "deployed": "32",
    "failed": "31",
    "skipped": "33",
    "removed": "33",
}


class TerminalProgress:
    """Progress for the CLI. Colours and a moving line only where a person looks on."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str]) -> None:
        self._stream = stream
        self._redactor = Redactor(markdown.text, markdown.in_code, markdown.mermaid_label)
        self._lock = threading.Lock()
        self.verbose = self.quiet = False
        self.live = stream.isatty()
        self.coloured = self.live and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"

    def step(self, message: str) -> None:
        """One line; on a terminal the next step takes its place."""
        if self.quiet:
            return
        text = one_line(self._redactor.redact(message))
        with self._lock:
            self._stream.write(f"\r\033[K{_fitting(text)}" if self.live else f"{text}\n")
            self._stream.flush()

    def problem(self, problem: Problem) -> None:
        """One line that stays."""
        if self.quiet and problem.severity == "notice":
            return
        text = one_line(self._redactor.redact(str(problem)))
        label = "" if problem.severity == "error" else f"{problem.severity}: "
        self._line(paint(f"{label}{text}", problem.severity, self.coloured))

    def hide(self, texts: Iterable[str]) -> None:
        """Takes these out of everything shown from now on."""
        self._redactor.add(texts)

    def publish(self, names: Iterable[str]) -> None:
        """Leaves these names as they are."""
        self._redactor.publish(names)

    @contextmanager
    def output(self, title: str) -> Iterator[Callable[[str], None]]:
        """Show another program's output, indented under its title, on failure or when all output was requested."""
        lines: list[str] = []
        wanted = True
        try:
            yield lines.append
            wanted = self.verbose
        finally:
            if lines and wanted:
                heading, *shown = [one_line(self._redactor.redact(line)) for line in (title, *lines)]
                self._line("\n".join([f"{heading}:", *(f"  {line}" for line in shown)]))

    def clear(self) -> None:
        """Takes the moving line away."""
        if self.live:
            with self._lock:
                self._stream.write("\r\033[K")
                self._stream.flush()

    def redact(self, text: str) -> str:
        """The text, Markdown too, without secrets."""
        return self._redactor.redact(text)

    def _line(self, text: str) -> None:
        with self._lock:
            self._stream.write(f"{chr(13)}{chr(27)}[K{text}\n" if self.live else f"{text}\n")
            self._stream.flush()


def _fitting(text: str) -> str:
    """As much as a terminal's line holds: one that wrapped could not be taken back. Wide characters take two cells."""
    import shutil
    from unicodedata import east_asian_width

    room = shutil.get_terminal_size().columns - 1
    for index, character in enumerate(text):
        room -= 2 if east_asian_width(character) in "WF" else 1
        if room < 0:
            return text[:index]
    return text


def paint(text: str, name: str, coloured: bool) -> str:
    """The text in the colour of a severity or status."""
    return f"\033[{_COLOURS[name]}m{text}\033[0m" if coloured and name in _COLOURS else text


def report_text(report: Report, *, coloured: bool = False, width: int | None = None) -> str:
    """The outcome of a run for standard output: redacted before, and without control characters but our colours.

    Tables and sentences fit `width` cells, if it is given.
    """
    lines: list[str] = []
    for unit in report.units:
        lines += [report_text(unit, coloured=coloured, width=width), ""]
    if report.units:
        return "\n".join([*lines, one_line(_ending(report))])
    if report.plan:
        from scorefly.ui.plan_text import plan_text

        shown = plan_text(report.plan, lambda line, name: paint(line, name, coloured), width)
        lines += [shown, ""] if shown else []
    elif report.command == "status":
        from scorefly.ui.status_text import status_lines

        lines += status_lines(report.running)
    elif report.apps:
        head, *rows = table(
            [("app", "status", "size", "region", "secrets", "seconds", "url"), *(_row(app) for app in report.apps)],
            width,
            optional=("size", "region", "secrets", "seconds"),
        )
        painted = [paint(line, app.status, coloured) for line, app in zip(rows, report.apps, strict=True)]
        lines += [head, *painted, ""]
        if any(app.failure for app in report.apps):
            from scorefly.ui.failure_text import failure_lines

            lines += failure_lines(report.apps)
    if report.findings:
        found = [(each.kind, each.name, each.app, each.outcome, each.why) for each in report.findings]
        head, *rows = table([("what", "name", "app", "outcome", "why"), *found], width, optional=("why", "app"))
        painted = [paint(line, each.outcome, coloured) for line, each in zip(rows, report.findings, strict=True)]
        lines += [head, *painted, ""]
    if report.certificates:
        from scorefly.ui.certificates import certificate_lines

        lines += [*map(one_line, certificate_lines(report.certificates, table)), ""]
    return "\n".join([*lines, one_line(_ending(report))])


def table(rows: Sequence[Sequence[str]], width: int | None = None, optional: Sequence[str] = ()) -> list[str]:
    """Rows as lines with aligned columns; columns that are empty in every row but the first are left out.

    Where lines are longer than `width` cells, `optional` columns are left out too, the first one first.
    """
    rows = [[one_line(cell) for cell in row] for row in rows]
    kept = [index for index in range(len(rows[0])) if any(row[index] for row in rows[1:])]
    widths = {index: max(cells(row[index]) for row in rows) for index in kept}
    for name in optional:
        if width is not None and sum(widths[index] + 2 for index in kept) - 2 > width:
            kept = [index for index in kept if rows[0][index] != name]
    return [
        "  ".join(row[index] + " " * (widths[index] - cells(row[index])) for index in kept).rstrip() for row in rows
    ]


_NEXT = {
    "validate": "scorefly deploy --rehearse",
    "generate": "scorefly deploy --rehearse",
    "plan": "scorefly deploy",
    "deploy": "scorefly status",
}


def next_command(report: Report) -> str:
    """Return the command that usually follows a successful run; empty if there is none."""
    if report.exit_code or report.units:
        return ""
    return "scorefly plan" if report.command == "deploy" and report.rehearsed else _NEXT.get(report.command, "")


def _row(app: AppReport) -> tuple[str, ...]:
    secrets = [f"+{len(app.secrets_set)}"] if app.secrets_set else []
    secrets += [f"-{len(app.secrets_removed)}"] if app.secrets_removed else []
    seconds = f"{app.seconds:.1f}" if app.seconds else ""
    return (app.app, app.status, app.size, app.region, " ".join(secrets), seconds, app.url)


def _unit_ending(report: Report) -> str:
    """The last line of a unit, or of all units."""
    name = "all units" if report.units else report.environment
    simulated = " (simulated: nothing was deployed to Fly)" if report.rehearsed and not report.environment else ""
    if report.command == "validate":
        return f"{name}: {'failed' if report.exit_code else 'valid'}"
    what = counts(report) or ("failed" if report.exit_code else "nothing to do")
    return f"{name}{simulated}: {'would be: ' if report.dry_run else ''}{what}"


def _ending(report: Report) -> str:
    """The last line: what it comes to."""
    if report.units or report.stage:
        return _unit_ending(report)
    where = f"{report.environment}{' (rehearsed: nothing was deployed to Fly)' if report.rehearsed else ''}"
    if report.command == "validate":
        warnings = sum(problem.severity == "warning" for problem in report.problems)
        return f"valid{f', with {warnings} warnings' if warnings > 1 else ', with 1 warning' if warnings else ''}"
    if report.command == "status":
        started = sum(each.state == "started" for app in report.running for each in app.machines)
        apps = f"{len(report.running)} {'app' if len(report.running) == 1 else 'apps'}"
        machines = f"{started} {'Machine' if started == 1 else 'Machines'} started"
        return f"{where}: {apps}, {machines}" if report.running else f"{where}: nothing is deployed"
    if report.command == "generate":
        return f"{report.environment}: {len(report.apps)} in {report.artefacts or 'a temporary folder'}"
    if report.superseded:
        return f"{where}: superseded, for {report.superseded}, which is deployed already (--force deploys this one)"
    if report.plan:
        simulated = ", simulated" if report.rehearsed else ""
        return f"Plan: {totals(report.plan)} ({report.environment}{simulated})"
    if report.rolled_back:
        return f"{where} {report.rolled_back} (use --force to deploy anyway)"
    would = "would be: " if report.dry_run else ""
    return f"{where}: {would}{counts(report) or 'nothing to do'}"
