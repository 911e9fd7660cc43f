"""What state knows and no Score file asks for any longer.

A run may be about some of the Score files only. What belongs to a workload is orphaned when this run has read the
workload's file and it says otherwise, or when that file is gone; never because it was not looked at.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from scorefly.run.loading import Loaded
from scorefly.run.settings import Settings
from scorefly.state.document import AppState, EnvironmentState, ResourceState


def not_looked_at(settings: Settings, loaded: Loaded, state: EnvironmentState) -> frozenset[str]:
    """Workloads of the environment that this run is not about: their Score files are there, and were not read."""
    here = {workload.name: str(workload.file) for workload in loaded.workloads}
    return frozenset(
        name
        for name, file in state.workloads.items()
        if name not in here and file not in here.values() and (settings.workspace / file).is_file()
    )


@dataclass(frozen=True, slots=True)
class Orphans:
    """Resources, apps (those that orphaned resources brought too), and the names of workloads that are gone."""

    resources: tuple[ResourceState, ...]
    apps: tuple[AppState, ...]
    workloads: frozenset[str]


def find_orphans(settings: Settings, loaded: Loaded, wanted: Collection[str], state: EnvironmentState) -> Orphans:
    """The orphans of an environment; `wanted` are the names of the apps that Score files ask for."""
    here = {workload.name for workload in loaded.workloads}
    gone = frozenset(state.workloads.keys() - here - not_looked_at(settings, loaded, state))
    resources = {
        uid: each
        for uid, each in state.resources.items()
        if uid not in loaded.graph.nodes and (here | gone).issuperset(each.workloads)
    }
    owners = here | gone | resources.keys() | loaded.graph.nodes.keys()
    apps = [app for app in state.apps.values() if app.name not in wanted and app.owner in owners]
    return Orphans(tuple(resources.values()), tuple(apps), gone)
