"""Renders a pull request's comment about its preview, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote

from msgspec import Struct

from scorefly.github.markdown import code, details, link, prose, table, text
from scorefly.report.certificates import CertificateReport
from scorefly.report.costs import CostSummary, cost_text
from scorefly.report.failure import FailureDetails
from scorefly.ui.certificates import certificates_markdown
from scorefly.ui.failure_text import MAX_APPS, failure_section

MARKER = "<!-- scorefly preview -->"
Outcome = Literal["ready", "failed", "destroyed", "rehearsed"]

_SIMULATED = " (simulated: nothing was deployed to Fly)"
_HEADLINES = {
    "ready": "🟢 Preview {} is ready",
    "failed": "🔴 Preview {} failed",
    "destroyed": "⚫ Preview {} is destroyed",
    "rehearsed": "🟡 Preview {} was rehearsed, not deployed",
}
_MARKS = {
    "created": "🟢",
    "deployed": "🟢",
    "unchanged": "⚪",
    "failed": "🔴",
    "skipped": "🟡",
    "destroyed": "⚫",
}


class AppRow(Struct, frozen=True):
    """One app: `status` as in the outputs, `url` and `seconds` where it has them; a resource's app has no workload.

    `problem` and `failure` say why it failed.
    """

    app: str
    status: str
    url: str = ""
    seconds: float = 0.0
    workload: str = ""
    problem: str = ""
    failure: FailureDetails | None = None


class PreviewPage(Struct, frozen=True):
    """All that the comment tells. `notes` and `problems` are plain sentences; `seconds` is wall time.

    In a `simulated` preview nothing runs, so there is nothing to link to.
    """

    environment: str
    outcome: Outcome
    commit: str
    apps: tuple[AppRow, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    seconds: float = 0.0
    log_url: str = ""
    at: str = ""
    certificates: tuple[CertificateReport, ...] = ()
    cost: CostSummary | None = None
    simulated: bool = False


def render(page: PreviewPage) -> str:
    """The comment's Markdown, without its marker. Every text from elsewhere shows as it is."""
    workloads = [app for app in page.apps if app.workload]
    resources = [app for app in page.apps if not app.workload]
    sections = [
        f"### {_headline(page).format(code(page.environment))}",
        _main_link(page.apps),
        _facts(page),
        "\n".join(f"> {text(note)}" for note in page.notes),
        _apps(page, workloads),
        "\n".join(f"- {prose(problem)}" for problem in page.problems),
        _failures(page),
        details(f"Resources: {len(resources)}", _apps(page, resources)) if resources else "",
        f"Estimated cost: {text(cost_text(page.cost))}" if page.cost else "",
        certificates_markdown(page.certificates),
        _how_to(page),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _headline(page: PreviewPage) -> str:
    return _HEADLINES[page.outcome] + (_SIMULATED if page.simulated and page.outcome == "failed" else "")


def _main_link(apps: Sequence[AppRow]) -> str:
    """The link a reviewer looks for: that of the first workload that runs and is public."""
    url = next((app.url for app in apps if app.workload and app.url), "")
    return f"**{link(url, url)}**" if url else ""


def _facts(page: PreviewPage) -> str:
    facts = [
        f"Commit {code(page.commit[:7])}" if page.commit else "",
        page.at,
        f"{page.seconds:.0f} s" if page.seconds >= 1 else "",
        link("log", page.log_url) if page.log_url else "",
    ]
    return " · ".join(fact for fact in facts if fact)


def _apps(page: PreviewPage, apps: Sequence[AppRow]) -> str:
    if not apps:
        return ""
    rows = [
        (code(app.app), _status(app), "" if page.simulated else _address(app), _seconds(app.seconds)) for app in apps
    ]
    return table(("App", "Status", "Link", "Seconds"), rows)


def _status(app: AppRow) -> str:
    return f"{_MARKS.get(app.status, '')} {text(app.status)}".strip()


def _failures(page: PreviewPage) -> str:
    """Return a section for each app that failed, with what Fly said about it."""
    failed = [app for app in page.apps if app.status == "failed"] if page.outcome == "failed" else []
    parts = []
    for app in failed[:MAX_APPS]:
        known = app.failure or FailureDetails(
            dashboard="" if page.simulated else f"https://fly.io/apps/{quote(app.app, safe='')}"
        )
        parts.append(failure_section(app.app, known, heading="####", problem=prose(app.problem)))
    more = [f"… and {len(failed) - MAX_APPS} more apps failed"] if failed[MAX_APPS:] else []
    return "\n\n".join([*parts, *more])


def _address(app: AppRow) -> str:
    """Return a link, or why there is none: an app that was not deployed is not known to be private."""
    if app.url:
        return link(app.url, app.url)
    return "" if app.status in ("failed", "skipped", "destroyed") else "private"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds else ""


def _how_to(page: PreviewPage) -> str:
    if page.simulated or page.outcome not in ("ready", "failed"):
        return ""
    app = next((each.app for each in page.apps if each.workload), "APP")
    ways = [
        f"- look inside: {code(f'fly ssh console -a {app}')}, {code(f'fly logs -a {app}')}",
        f"- deploy it again: comment {code('/preview')}, or push",
        f"- destroy it: comment {code('/preview destroy')}, or close the pull request",
    ]
    return details("What you can do with it", "\n".join(ways))
