"""What a run comes to, in words that every face uses."""

from __future__ import annotations

from scorefly.run.report import Report, Status

_COUNTED: tuple[Status, ...] = ("created", "deployed", "unchanged", "failed", "skipped", "destroyed")


def counts(report: Report) -> str:
    """`1 created, 2 unchanged`; empty when no app ended in a way that counts."""
    numbers = ((len(report.named(status)), status) for status in _COUNTED)
    return ", ".join(f"{number} {status}" for number, status in numbers if number)


def nothing_changed(report: Report) -> bool:
    """Whether a run that could change apps found every one as wanted."""
    return bool(report.apps) and all(app.status == "unchanged" and not app.secrets_removed for app in report.apps)
