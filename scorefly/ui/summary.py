"""The job summary: a run, for people who read it on a pull request or on Monday morning."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from scorefly.github.markdown import code, details, link, prose, table, text
from scorefly.problems import ExternalError, InputError, Problem
from scorefly.report.report import AppReport, Finding, Report
from scorefly.ui.certificates import certificates_markdown
from scorefly.ui.failure_text import MAX_APPS, failure_markdown
from scorefly.ui.plan_summary import plan_summary
from scorefly.ui.plan_view import has_orphans, totals
from scorefly.ui.resource_graph import graph
from scorefly.ui.status_text import status_summary
from scorefly.ui.wording import counts, nothing_changed

# Nobody reads more, and GitHub takes 1 MiB.
_MOST_APPS = 1000
_MOST_LINES = 200
_MOST_NAMES = 3  # in a table's cell

_MARKS = {
    "created": "🟢 created",
    "deployed": "🟢 deployed",
    "unchanged": "⚪ unchanged",
    "failed": "🔴 failed",
    "skipped": "🟡 skipped",
    "destroyed": "⚫ destroyed",
    "generated": "⚪ generated",
}
_OUTCOMES = {"removed": "⚫", "kept": "⚪", "failed": "🔴"}
_INFINITIVES = {"remove-unused-secrets": "tidy", "cleanup": "tidy", "rollback": "roll back"}
_VERBS = {
    "deploy": "Deployed",
    "preview": "Deployed",
    "generate": "Generated",
    "validate": "Validated",
    "remove-unused-secrets": "Tidied",
    "cleanup": "Tidied",
    "destroy": "Destroyed",
    "rollback": "Rolled back",
    "sync": "Synced",
}


def summary(report: Report) -> str:
    """The Markdown of a run's summary. Names of secrets are in it, values never."""
    if report.units:
        return _tree_summary(report)
    shown = [app for app in report.apps if app.failure][:MAX_APPS]  # in a section of their own
    problems = [app.problem for app in report.apps if app.problem and app not in shown] + list(report.problems)
    private = _private_addresses(report.apps)
    sections = [
        f"## {_headline(report)}",
        _outcome(report),
        _run(report),
        _rehearsal_note(report),
        _table(report),
        _findings(report.findings),
        certificates_markdown(report.certificates),
        _problems(each for each in problems if each.severity != "notice"),
        failure_markdown(report.apps, lambda problem: f"**{problem.severity}** {_problem(problem)}"),
        _private(private),
        _notes(report.problems, private.values()),
        "" if report.plan else _secret_names(report.apps),
        details("Resources", graph(report.resources)) if report.resources else "",
    ]
    return _joined(sections)


def _tree_summary(report: Report) -> str:
    """The Markdown of a run over a tree: what concerns all of it, then each unit that changes or failed."""
    of_units = {problem for unit in report.units for problem in unit.problems}
    same = [unit for unit in report.units if not unit.exit_code and nothing_changed(unit)]
    others = [unit for unit in report.units if unit not in same]
    head = [
        f"## {_tree_headline(report)}",
        counts(report),
        _rehearsal_note(report),
        _problems(each for each in report.problems if each.severity != "notice" and each not in of_units),
    ]
    names = ", ".join(code(unit.environment) for unit in same)
    tail = [f"Unchanged: {names}"] if same else []
    return _joined([*head, *(_commits(unit) + summary(unit).replace("## ", "### ", 1) for unit in others), *tail])


def _tree_headline(report: Report) -> str:
    if report.exit_code:
        return f"Failed to {report.command}"
    if report.command == "plan":
        return "Plan"
    return "Synced" if report.command == "sync" else _VERBS.get(report.command, report.command)


def _commits(unit: Report) -> str:
    """Invisible: which commits a unit's section is about."""
    pairs = " ".join(f"{name}={commit}" for name, commit in sorted(unit.commits.items()))
    return f"<!-- {unit.environment} {pairs} -->\n" if pairs else ""


def _table(report: Report) -> str:
    if report.command == "status":
        return status_summary(report.running)
    return plan_summary(report.plan) if report.plan else _apps(report.apps)


def failure_summary(command: str, error: InputError | ExternalError | Exception, problems: Sequence[Problem]) -> str:
    """The Markdown of a run that ended before there was a report."""
    nothing = "Nothing was changed." if isinstance(error, InputError) else ""
    return _joined((f"## {text(command)} failed", _problems(problems), nothing))


def _joined(sections: Iterable[str]) -> str:
    return "\n\n".join(section for section in sections if section) + "\n"


def _headline(report: Report) -> str:
    environment = code(report.environment)
    simulated = "Simulated: " if report.rehearsed else ""
    if report.exit_code:
        return f"Failed to {_INFINITIVES.get(report.command, report.command)} {environment}"
    if report.superseded:
        return f"Superseded: {environment} runs a newer commit"
    if report.command == "status":
        return f"Status of {environment}"
    if report.rolled_back:
        return f"Rolled back: {environment} stays as it is"
    if report.plan:
        nothing = " (nothing would change)" if nothing_changed(report) and not has_orphans(report.plan) else ""
        return f"Plan for {environment}{' (simulated)' if report.rehearsed else ''}{nothing}"
    if nothing_changed(report):
        return f"{simulated}Nothing {'would change' if report.dry_run else 'changed'} in {environment}"
    verb = _VERBS.get(report.command, report.command)
    if report.rehearsed and report.command in ("deploy", "preview", "destroy"):
        return f"Simulated {report.command} of {environment}"
    return f"{simulated}{f'Would have {verb.lower()}' if report.dry_run else verb} {environment}"


def _outcome(report: Report) -> str:
    if report.command == "generate":
        where = code(report.artefacts) or "a temporary folder"
        return f"{len(report.apps)} {'app' if len(report.apps) == 1 else 'apps'} in {where}"
    if report.plan:
        return f"Plan: {totals(report.plan)}"
    if report.superseded:
        return f"{text(report.superseded)}, which is deployed already. `force` deploys this one."
    if report.command == "status":
        return "" if report.running else "Nothing is deployed."
    if report.rolled_back:
        return f"{code(report.environment)} {text(report.rolled_back)}. `force` deploys anyway."
    return counts(report)


def _run(report: Report) -> str:
    """The commit, the run and its time, where they are known."""
    commit = f"Commit {code(report.run.commit[:7])}" if report.run.commit else ""
    return " · ".join(
        filter(None, (commit, link("run log", report.run.link) if report.run.link else "", report.run.at))
    )


def _rehearsal_note(report: Report) -> str:
    return "> Rehearsed: the run was simulated, and nothing was deployed to Fly." if report.rehearsed else ""


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
        for app in apps[:_MOST_APPS]
    ]
    shown = table(("App", "Status", "Image", "Size", "Region", "Secrets", "Seconds"), rows)
    return f"{shown}\n\n… and {len(apps) - _MOST_APPS} more apps" if len(apps) > _MOST_APPS else shown


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    rows = [
        (text(each.kind), code(each.name), text(each.app), f"{_OUTCOMES[each.outcome]} {each.outcome}", text(each.why))
        for each in findings[:_MOST_APPS]
    ]
    shown = table(("What", "Name", "App", "Outcome", "Why"), rows)
    more = len(findings) - _MOST_APPS
    return f"{shown}\n\n… and {more} more" if more > 0 else shown


def _secrets(app: AppReport) -> str:
    """The names where they are few, else how many; `_secret_names` has all."""
    return "<br>".join(
        f"{verb} {', '.join(map(code, names)) if len(names) <= _MOST_NAMES else len(names)}"
        for verb, names in (("set", app.secrets_set), ("removed", app.secrets_removed))
        if names
    )


def _secret_names(apps: Sequence[AppReport]) -> str:
    lines = [
        f"- {text(app.app)}: {verb} {', '.join(map(code, names))}"
        for app in apps
        for verb, names in (("set", app.secrets_set), ("removed", app.secrets_removed))
        if len(names) > _MOST_NAMES
    ]
    return details("Secrets", _list(lines)) if lines else ""


def _problems(problems: Iterable[Problem]) -> str:
    lines = [f"- **{problem.severity}** {_problem(problem)}" for problem in problems]
    return f"### Problems\n\n{_list(lines)}" if lines else ""


def _notes(problems: Sequence[Problem], shown: Collection[str]) -> str:
    """Notices, without those that only say what the list of private ports does."""
    lines = [
        f"- {_problem(problem)}"
        for problem in problems
        if problem.severity == "notice" and not any(address in problem.message for address in shown)
    ]
    return details("Notes", _list(lines)) if lines else ""


def _problem(problem: Problem) -> str:
    problem = problem.of_input()
    where = f"{code(str(problem.place))} " if problem.place else ""
    what_to_do = f" — {prose(problem.hint)}" if problem.hint else ""
    return f"{where}{prose(problem.message)}{what_to_do}"


def _private_addresses(apps: Sequence[AppReport]) -> dict[tuple[str, str], str]:
    """Return where other apps reach a port that is not public, by app and port name."""
    return {(app.app, port.name): f"{app.app}{port.address}" for app in apps for port in app.ports if not port.public}


def _private(addresses: Mapping[tuple[str, str], str]) -> str:
    if not addresses:
        return ""
    lines = [f"- {text(app)}: port {code(port)} at {code(address)}" for (app, port), address in addresses.items()]
    how = "Only apps of the organization reach these. A resource of type `route` makes a port public."
    return details("Private ports", f"{how}\n\n{_list(lines)}")


def _list(lines: Sequence[str]) -> str:
    more = [f"- … and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    return "\n".join([*lines[:_MOST_LINES], *more])
