"""The job summary: a run, for people who read it on a pull request or on Monday morning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scorefly.github.markdown import code, link, mermaid_label, table, text
from scorefly.problems import InputError, OutsideError, Problem
from scorefly.run.report import AppReport, Report

_MARKS = {
    "created": "🟢 created",
    "deployed": "🟢 deployed",
    "unchanged": "⚪ unchanged",
    "failed": "🔴 failed",
    "skipped": "🟡 skipped",
    "destroyed": "⚫ destroyed",
    "generated": "⚪ generated",
}
_VERBS = {
    "deploy": "Deployed",
    "generate": "Generated",
    "validate": "Validated",
    "remove-unused-secrets": "Tidied",
}


def summary(report: Report) -> str:
    """The Markdown of a run's summary. Nothing in it is secret."""
    problems = [app.problem for app in report.apps if app.problem] + list(report.problems)
    sections = [
        f"## {_headline(report)}",
        _rehearsal_note(report),
        _apps(report.apps),
        _problems([each for each in problems if each.severity != "notice"]),
        _private(report.apps),
        _graph(report),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def failure_summary(command: str, error: InputError | OutsideError | Exception, problems: Sequence[Problem]) -> str:
    """The Markdown of a run that ended before there was a report."""
    nothing = " Nothing was changed." if isinstance(error, InputError) else ""
    return f"## {text(command)} failed\n\n{_problems(problems)}\n\n{nothing}\n"


def _headline(report: Report) -> str:
    failed = report.named("failed", "skipped")
    verb = "Failed to deploy" if failed else _VERBS.get(report.command, report.command)
    verb = f"Would have {verb.lower()}" if report.dry_run and not failed else verb
    return f"{verb} {code(report.environment)}"


def _rehearsal_note(report: Report) -> str:
    return "> Rehearsed against an embedded Fly: nothing was deployed." if report.rehearsed else ""


def _apps(apps: Sequence[AppReport]) -> str:
    if not apps:
        return ""
    rows = [
        (
            link(app.app, app.url) if app.url else text(app.app),
            _MARKS[app.status],
            code(app.image),
            text(app.size),
            text(app.region),
            _secrets(app),
            f"{app.seconds:.1f}" if app.seconds else "",
        )
        for app in apps
    ]
    return table(("App", "Status", "Image", "Size", "Region", "Secrets", "Seconds"), rows)


def _secrets(app: AppReport) -> str:
    parts = [f"set {', '.join(map(code, app.secrets_set))}"] if app.secrets_set else []
    parts += [f"removed {', '.join(map(code, app.secrets_removed))}"] if app.secrets_removed else []
    return "<br>".join(parts)


def _problems(problems: Iterable[Problem]) -> str:
    lines = []
    for problem in problems:
        where = f"{code(str(problem.place))} " if problem.place else ""
        what_to_do = f" — {text(problem.hint)}" if problem.hint else ""
        lines.append(f"- **{problem.severity}** {where}{text(problem.message)}{what_to_do}")
    return "### Problems\n\n" + "\n".join(lines) if lines else ""


def _private(apps: Sequence[AppReport]) -> str:
    lines = [
        f"- {text(app.app)}: port {code(port.name)} at {code(f'{app.app}.internal:{port.internal}')}"
        for app in apps
        for port in app.ports
        if not port.public
    ]
    if not lines:
        return ""
    how = "Only apps of the organization reach these. A resource of type `route` makes a port public."
    return "\n".join(["<details><summary>Private ports</summary>", "", how, "", *lines, "", "</details>"])


def _graph(report: Report) -> str:
    """Workloads, the resources they ask for, and the apps those bring."""
    if not report.resources:
        return ""
    ids: dict[str, str] = {}
    lines = ["```mermaid", "graph LR"]

    def node(kind: str, name: str, shape: tuple[str, str]) -> str:
        key = f"{kind} {name}"
        if key not in ids:
            ids[key] = f"n{len(ids)}"
            lines.append(f'  {ids[key]}{shape[0]}"{mermaid_label(name)}"{shape[1]}')
        return ids[key]

    edges = []
    for resource in report.resources:
        here = node("resource", resource.uid, ("(", ")"))
        edges += [f"  {node('workload', workload, ('[', ']'))} --> {here}" for workload in resource.workloads]
        edges += [f"  {here} --> {node('resource', need, ('(', ')'))}" for need in resource.needs]
        edges += [f"  {here} --> {node('app', app, ('[[', ']]'))}" for app in resource.apps]
    body = "\n".join([*lines, *edges, "```"])
    return f"<details><summary>Resources</summary>\n\n{body}\n\n</details>"
