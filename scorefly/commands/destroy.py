"""`destroy`: takes an environment away, with everything that is ours in it."""

from __future__ import annotations

from scorefly.config.settings import Settings
from scorefly.deployment.connection import connect
from scorefly.deployment.destruction import destroy_environment
from scorefly.deployment.live import list_machines
from scorefly.report.progress import Progress
from scorefly.report.report import Report
from scorefly.state.keeper import Keeper


def destroy(settings: Settings, keeper: Keeper, progress: Progress) -> Report:
    """Deprovisions the resources in reverse order, destroys the apps, and then forgets the environment.

    Needs no Score files. What fails stays in the state, with what it needs, so that another run goes on from there.
    """
    with connect(settings, keeper) as connection:
        live = list_machines(settings, connection.api, keeper.state.apps)
        return destroy_environment(live, settings, keeper, progress, connection)
