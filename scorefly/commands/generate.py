"""`generate`: provisions, converts and writes the artefacts."""

from __future__ import annotations

from scorefly.config.settings import Settings
from scorefly.desired.apps import app_report, compute_desired_apps, save_and_write_artefacts
from scorefly.desired.artefacts import shown_folder
from scorefly.desired.load import load
from scorefly.report.progress import Progress
from scorefly.report.report import Report
from scorefly.state.keeper import Keeper


def generate(settings: Settings, keeper: Keeper, progress: Progress) -> Report:
    """Provisions, converts and writes the artefacts."""
    loaded = load(settings)
    wanted = compute_desired_apps(settings, loaded, keeper, progress)
    save_and_write_artefacts(settings, loaded, wanted, keeper, progress)
    return Report(
        command=settings.command,
        environment=settings.environment,
        apps=tuple(app_report(settings, app) for app in wanted.apps),
        resources=wanted.resources,
        problems=wanted.problems,
        artefacts=shown_folder(settings, ""),
        rehearsed=settings.rehearse,
    )
