"""Drift of a unit that has nothing to deploy: what others changed about its apps."""

from __future__ import annotations

from collections.abc import Mapping

from scorefly.deployment.connection import SharedFly, connect
from scorefly.deployment.drift import drift_from_git
from scorefly.fly.api import FlyApi
from scorefly.project.units import Unit
from scorefly.report.plan import Drift
from scorefly.sources.store import parallel
from scorefly.state.document import AppState, EnvironmentState


def find_unit_drift(unit: Unit, state: EnvironmentState, shared: SharedFly) -> Mapping[str, tuple[Drift, ...]]:
    """Return what others changed, by app: of each app Fly is asked for its Machines, and for its secrets if it has any.

    Suspended workloads are left as they are.
    """
    apps = [app for app in state.apps.values() if app.workload not in unit.suspended]
    with connect(unit.settings, None, shared) as connection:
        found = parallel(lambda name: _drift(connection.api, state.apps[name]), [app.name for app in apps])
    return {name: each for name, each in found.items() if each}


def _drift(api: FlyApi, app: AppState) -> tuple[Drift, ...]:
    secrets = {each.name: each.digest for each in api.secrets(app.name)} if app.secrets else None
    return drift_from_git(app, api.machines(app.name), secrets)
