"""`destroy`: takes an environment away, with everything that is ours in it."""

from __future__ import annotations

from scorefly.deployment.connection import connect
from scorefly.deployment.destruction import destroy_environment
from scorefly.deployment.live import list_machines
from scorefly.report.report import Report
from scorefly.run import Run


def destroy(run: Run) -> Report:
    """Deprovisions the resources in reverse order, destroys the apps, and then forgets the environment.

    Needs no Score files. What fails stays in the state, with what it needs, so that another run goes on from there.
    """
    with connect(run.settings, run.keeper) as connection:
        live = list_machines(run.settings, connection.api, run.state.apps)
        return destroy_environment(run, live, connection)
