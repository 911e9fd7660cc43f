"""Renders a pull request's comment about its preview, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scorefly.github.markdown import code, details, link, table, text
from scorefly.report.certificates import CertificateReport
from scorefly.report.costs import CostSummary, cost_text
from scorefly.ui.certificates import certificates_markdown

MARKER = "<!-- scorefly preview -->"
Outcome = Literal["ready", "failed", "destroyed", "rehearsed"]

_HEADLINES = {
    "ready": "🟢 Preview {} is ready",
    "failed": "🔴 Preview {} failed",
    "destroyed": "⚫ Preview {} is destroyed",
    "rehearsed": "🟡 Preview {} was rehearsed, not deployed",
}


@dataclass(frozen=True, slots=True)
class AppRow:
    """One app: `status` as in the outputs, `url` and `seconds` where it has them."""

    app: str
    status: str
    url: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """All that the comment tells. `notes` and `problems` are plain sentences; `seconds` is wall time."""

    environment: str
    outcome: Outcome
    commit: str
    apps: tuple[AppRow, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    seconds: float = 0.0
    log_url: str = ""
    certificates: tuple[CertificateReport, ...] = ()
    cost: CostSummary | None = None


def render(page: PreviewPage) -> str:
    """The comment's Markdown, without its marker. Every text from elsewhere shows as it is."""
    sections = [
        f"### {_HEADLINES[page.outcome].format(code(page.environment))}",
        _facts(page),
        "\n".join(f"> {text(note)}" for note in page.notes),
        _apps(page.apps),
        f"Estimated cost: {text(cost_text(page.cost))}" if page.cost else "",
        certificates_markdown(page.certificates),
        "\n".join(f"- {text(problem)}" for problem in page.problems),
        _how_to(page),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _facts(page: PreviewPage) -> str:
    facts = [f"Commit {page.commit}" if page.commit else "", f"{page.seconds:.0f} s" if page.seconds >= 1 else ""]
    facts.append(link("log", page.log_url) if page.log_url else "")
    return " · ".join(fact for fact in facts if fact)


def _apps(apps: Sequence[AppRow]) -> str:
    if not apps:
        return ""
    rows = [(text(app.app), text(app.status), _address(app), _seconds(app.seconds)) for app in apps]
    return table(("App", "Status", "Link", "Seconds"), rows)


def _address(app: AppRow) -> str:
    """Return a link, or why there is none: an app that was not deployed is not known to be private."""
    if app.url:
        return link(app.url, app.url)
    return "" if app.status in ("failed", "skipped") else "private"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds else ""


def _how_to(page: PreviewPage) -> str:
    if page.outcome not in ("ready", "failed"):
        return ""
    ways = [
        f"- look inside one: {code('fly ssh console -a APP')}, {code('fly logs -a APP')}",
        f"- deploy it again: comment {code('/preview')}, or push",
        f"- destroy it: comment {code('/preview destroy')}, or close the pull request",
    ]
    return details("What you can do with it", "\n".join(ways))
