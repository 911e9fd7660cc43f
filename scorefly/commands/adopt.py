"""`adopt`: apps that run become this environment's, so that deploy updates them."""

from __future__ import annotations

from collections.abc import Sequence

from scorefly.config.settings import Settings
from scorefly.deployment.adoption import Adopted, adopt_apps
from scorefly.deployment.connection import connect
from scorefly.desired.load import load
from scorefly.problems import InputError, Problem, input_error, nearest, option_place
from scorefly.run import Run
from scorefly.score.find import find_score_files


def adopt(run: Run, names: Sequence[str]) -> Adopted:
    """Take over apps by name, or all apps of Score files where none is named. Raises ScoreflyError."""
    workloads = {run.settings.app_name(name): name for name in _workload_names(run.settings)}
    chosen = {name: workloads[name] for name in names if name in workloads} if names else workloads
    place = option_place("app")
    if unknown := [name for name in names if name not in workloads]:
        raise InputError(
            *(
                Problem(
                    f"no Score file describes the app {name!r} in {run.settings.environment}",
                    nearest(name, workloads),
                    place,
                )
                for name in unknown
            )
        )
    with connect(run.settings, run.keeper) as connection:
        adopted = adopt_apps(run, chosen, connection)
    if names and adopted.missing:
        raise input_error(
            f"no app on Fly is called {', '.join(adopted.missing)}", "`scorefly deploy` creates it", place
        )
    return adopted


def _workload_names(settings: Settings) -> list[str]:
    """The workloads of Score files, and those whose Score files are in other repositories."""
    elsewhere = [name for name, config in settings.workloads.items() if config.source]
    files, _ = find_score_files(settings.workspace, settings.score_files, outside=not settings.in_action)
    if elsewhere and not files:
        return elsewhere
    return [*(workload.name for workload in load(settings).workloads), *elsewhere]
