"""`cleanup`, all of it: what the environment has too much, then the repository's previews."""

from __future__ import annotations

from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.problems import Problem
from scorefly.report.progress import Progress
from scorefly.report.report import Report


def clean(settings: Settings, progress: Progress) -> Report:
    """Does the parts that `cleanup` names. Only those of the environment need its Score files and its state."""
    reports = []
    if set(settings.cleanup) - {"previews"}:
        from scorefly.deployment.environment_cleanup import cleanup
        from scorefly.run import open_run

        with open_run(settings, progress) as run:
            reports.append(cleanup(run))
    if "previews" in settings.cleanup:
        reports.append(_previews(settings, progress))
    return replace(
        reports[0],
        environment=settings.environment,
        apps=tuple(each for report in reports for each in report.apps),
        findings=tuple(each for report in reports for each in report.findings),
        problems=tuple(each for report in reports for each in report.problems),
    )


def _previews(settings: Settings, progress: Progress) -> Report:
    if settings.github_token:
        from scorefly.previews.stale import clean_previews

        return clean_previews(settings.previews or settings, progress)
    hint = "give github-token, or leave previews out of `cleanup`"
    unknown = Problem("previews were not looked at: only GitHub knows which are wanted", hint, severity="warning")
    progress.problem(unknown)
    return Report(settings.command, settings.environment, problems=(unknown,), rehearsed=settings.rehearse)
