"""The outcome of a run in words that every UI uses."""

from __future__ import annotations

from collections import Counter

from scorefly.report.report import Report, Status

_COUNTED: tuple[Status, ...] = ("created", "deployed", "unchanged", "failed", "skipped", "destroyed")


def counts(report: Report) -> str:
    """`1 created, 2 unchanged`; empty when there was nothing that counts."""
    numbers: list[tuple[int, str]] = [(len(report.named(status)), status) for status in _COUNTED]
    found = Counter((each.kind, each.outcome) for each in report.findings)
    numbers += [(number, f"{noun(kind, number)} {outcome}") for (kind, outcome), number in found.items()]
    return ", ".join(f"{number} {what}" for number, what in numbers if number)


def noun(kind: str, number: int) -> str:
    """Return what a finding is about, one or many."""
    plural = {"address": "addresses"}.get(kind, f"{kind}s")
    return kind if number == 1 else plural


def nothing_changed(report: Report) -> bool:
    """Decide whether a run that could change something found everything as wanted."""
    looked_on = bool(report.apps or report.findings) or report.command in ("preview", "destroy")
    kept = all(app.status == "unchanged" and not app.secrets_removed for app in report.apps)
    return looked_on and kept and all(each.outcome == "kept" for each in report.findings)
