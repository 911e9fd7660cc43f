"""A plan's comment on its pull request: what the merge would do, kept up to date."""

from __future__ import annotations

from scorefly.config.settings import Settings
from scorefly.problems import ExternalError, Problem
from scorefly.report.progress import Progress
from scorefly.report.report import Report, redacted_report
from scorefly.ui.summary import summary

_EVENTS = ("pull_request", "pull_request_target")


def comment_plan(settings: Settings, report: Report, progress: Progress) -> None:
    """Writes the summary of a plan to the pull request it is made for, where there is one. Refused, it is a warning."""
    desired = settings.comment and settings.github_token and (report.plan or report.plan_path)
    if not desired or settings.environ.get("GITHUB_EVENT_NAME") not in _EVENTS:
        return
    from scorefly.github.client import ForbiddenError
    from scorefly.github.comment import keep_comment
    from scorefly.github.event import read_event
    from scorefly.previews.github_connection import connect_github

    number = read_event(settings.environ).number
    try:
        with connect_github(settings) as api:
            marker = f"<!-- scorefly plan {settings.environment} -->"
            keep_comment(api, number, marker, progress.redact(summary(redacted_report(report, progress.redact))))
    except ExternalError as error:
        found = error.problems[0]
        if report.rehearsed and not settings.rehearse and isinstance(error, ForbiddenError):
            message = "the comment cannot be written: the token of this pull request only reads"
            progress.problem(Problem(message, "read the plan in the job's summary", severity="notice"))
            return
        message = f"the comment cannot be written: {found.message}"
        progress.problem(Problem(message, found.hint, severity="warning"))
