"""`validate`: everything that can be checked without changing anything."""

from __future__ import annotations

from scorefly.config.settings import Settings
from scorefly.desired.apps import compute_desired_apps
from scorefly.desired.load import load
from scorefly.desired.regions import check_regions
from scorefly.desired.stand_ins import with_stand_in_variables
from scorefly.problems import ScoreflyError
from scorefly.report.progress import Progress
from scorefly.report.report import Report
from scorefly.run import Run
from scorefly.state.document import EnvironmentState, new_environment, secrets_in
from scorefly.state.keeper import Keeper


def validate(settings: Settings, progress: Progress) -> Report:
    """Checks everything that can be checked without changing anything, all problems at once."""
    loaded = load(settings, check_templates=True)
    settings, missing = with_stand_in_variables(settings, loaded)
    run = Run(settings, Keeper(None, _state_at_hand(settings)), progress)
    progress.hide(secrets_in(run.state))
    desired = compute_desired_apps(run, loaded, trial=True, warnings=missing)
    check_regions(settings, loaded, desired.apps)
    return Report(
        command=settings.command,
        environment=settings.environment,
        resources=desired.resources,
        problems=desired.problems,
    )


def _state_at_hand(settings: Settings) -> EnvironmentState:
    """Read the state where that needs no network and no other key: an edit that would lose data is reported then."""
    from scorefly.state.session import on_git, read_state

    try:
        return new_environment(settings.environment) if on_git(settings) else read_state(settings)
    except (ScoreflyError, OSError):
        return new_environment(settings.environment)
