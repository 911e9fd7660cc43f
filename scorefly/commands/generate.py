"""`generate`: provisions, converts and writes the artefacts."""

from __future__ import annotations

from scorefly.desired.apps import app_report, compute_desired_apps, save_and_write_artefacts
from scorefly.desired.artefacts import shown_folder
from scorefly.desired.load import load
from scorefly.report.report import Report
from scorefly.run import Run


def generate(run: Run) -> Report:
    """Provisions, converts and writes the artefacts."""
    loaded = load(run.settings)
    desired = compute_desired_apps(run, loaded)
    save_and_write_artefacts(run, loaded, desired)
    return Report(
        command=run.settings.command,
        environment=run.settings.environment,
        apps=tuple(app_report(run.settings, app) for app in desired.apps),
        resources=desired.resources,
        problems=desired.problems,
        artefacts=shown_folder(run.settings, ""),
        rehearsed=run.settings.rehearse,
    )
