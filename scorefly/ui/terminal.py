"""The outcome of a run as text, for standard output."""

from __future__ import annotations

from collections.abc import Sequence

from scorefly.report.report import AppReport, Report
from scorefly.ui.colours import paint
from scorefly.ui.lines import one_line
from scorefly.ui.plan_view import totals
from scorefly.ui.wording import counts
from scorefly.ui.wrap import cells


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
        lines += [*_apps(report.apps, coloured, width), ""]
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


_DEFAULT_ENVIRONMENT = "local"
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
    following = _NEXT.get(report.command, "")
    if report.rehearsed and report.command == "deploy":
        following = "scorefly doctor"  # it tells what a real deploy still needs
    elif report.rehearsed and following and "--rehearse" not in following:
        following += " --rehearse"
    environment = f" --environment {report.environment}" if report.environment != _DEFAULT_ENVIRONMENT else ""
    return f"{following}{environment}" if following else ""


def _apps(apps: Sequence[AppReport], coloured: bool, width: int | None) -> list[str]:
    """Return a table of apps. Where even the shortest one is too wide, each URL is on a line below its app."""
    rows = [("app", "status", "size", "region", "secrets", "seconds", "url"), *(_row(app) for app in apps)]
    optional = ("size", "region", "secrets", "seconds")
    head, *lines = table(rows, width, optional)
    below = width is not None and max(map(cells, (head, *lines))) > width
    if below:
        head, *lines = table([row[:-1] for row in rows], width, optional)
    painted = [paint(line, app.status, coloured) for line, app in zip(lines, apps, strict=True)]
    shown = [head]
    for line, app in zip(painted, apps, strict=True):
        shown += [line, one_line(f"  {app.url}")] if below and app.url else [line]
    return shown


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
