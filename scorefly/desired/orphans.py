"""Finds resources and apps that are in state, and no longer in any Score file.

A run may be about some of the Score files only. What belongs to a workload is orphaned when this run has read the
workload's file and it says otherwise, or when that file is gone; never because it was not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from scorefly.config.settings import Settings
from scorefly.confined import is_file, scope_of
from scorefly.desired.load import Loaded
from scorefly.desired.managed_data import managed_data
from scorefly.problems import Problem
from scorefly.resources.graph import ResourceNode
from scorefly.state.document import AppState, EnvironmentState, ResourceState


def not_looked_at(settings: Settings, loaded: Loaded, state: EnvironmentState) -> frozenset[str]:
    """Workloads of the environment that this run is not about: their Score files are there, and were not read."""
    here = {workload.name: str(workload.file) for workload in loaded.workloads}
    if settings.declared is not None:
        return frozenset(name for name in state.workloads if name not in here and name in settings.declared)
    return frozenset(
        name
        for name, file in state.workloads.items()
        if name not in here and file not in here.values() and is_file(*scope_of(settings.workspace, file, outside=True))
    )


def users_of(node: ResourceNode, known: ResourceState | None, elsewhere: Collection[str]) -> tuple[str, ...]:
    """The workloads that use a resource: those of this run, and of those `elsewhere` the ones that did before."""
    others = [name for name in known.workloads if name in elsewhere] if known else []
    return tuple(sorted({*node.workloads, *others}))


def is_owner_gone(settings: Settings, loaded: Loaded, state: EnvironmentState, owner: str) -> bool:
    """Report whether a workload or resource that asked for an app does so no longer, as far as this run can tell."""
    elsewhere = not_looked_at(settings, loaded, state)
    resource = state.resources.get(owner)
    if owner in elsewhere or (resource and elsewhere.intersection(resource.workloads)):
        return False
    known = {workload.name for workload in loaded.workloads} | state.workloads.keys() | state.resources.keys()
    return not settings.score_files or owner in known


class Orphans(Struct, frozen=True):
    """Resources, apps (those of orphaned resources too), and the names of workloads that are gone."""

    resources: tuple[ResourceState, ...]
    apps: tuple[AppState, ...]
    workloads: frozenset[str]


def find_orphans(settings: Settings, loaded: Loaded, desired: Collection[str], state: EnvironmentState) -> Orphans:
    """The orphans of an environment; `desired` are the names of the apps that Score files ask for."""
    here = {workload.name for workload in loaded.workloads}
    gone = _gone(settings, loaded, state)
    resources = _of_nobody(loaded, state, here | gone)
    owners = here | gone | {each.uid for each in resources} | loaded.graph.nodes.keys()
    apps = [app for app in state.apps.values() if app.name not in desired and app.owner in owners]
    return Orphans(resources, tuple(apps), gone)


def orphaned_resources(settings: Settings, loaded: Loaded, state: EnvironmentState) -> tuple[ResourceState, ...]:
    """The environment's orphaned resources, by uid."""
    here = {workload.name for workload in loaded.workloads}
    return _of_nobody(loaded, state, here | _gone(settings, loaded, state))


def _of_nobody(loaded: Loaded, state: EnvironmentState, known_about: set[str]) -> tuple[ResourceState, ...]:
    """Resources that are not asked for, all of whose workloads are known about."""
    return tuple(
        resource
        for uid, resource in sorted(state.resources.items())
        if uid not in loaded.graph.nodes and known_about.issuperset(resource.workloads)
    )


def gone_workloads(settings: Settings, loaded: Loaded, state: EnvironmentState) -> frozenset[str]:
    """List the workloads that are in no Score file any longer."""
    return _gone(settings, loaded, state)


def orphan_problems(found: Sequence[ResourceState], state: EnvironmentState) -> list[Problem]:
    """A warning for each: it may cost money, and nothing takes it away unasked."""
    return [
        Problem(
            f"{each.uid}, provisioned by {each.provisioner}, is no longer used by any Score file",
            _way_to_deprovision(each, state),
            severity="warning",
        )
        for each in found
    ]


def _way_to_deprovision(resource: ResourceState, state: EnvironmentState) -> str:
    others = {name for each in state.resources.values() if each.uid != resource.uid for name in each.apps}
    own = [name for name in resource.apps if name not in others]
    shared = [name for name in resource.apps if name in others]
    way = f"`scorefly resources deprovision '{resource.uid}'` takes it away"
    way += f" with {', '.join(own)}" if own else ""
    way += f" with {data} and all its data" if (data := managed_data(state, resource)) else ""
    return f"{way}; {', '.join(shared)} stays with the data, because others use it" if shared else way


def orphaned_app_problems(settings: Settings, found: Orphans, data: Callable[[AppState], str]) -> list[Problem]:
    """Warn of each app that a deploy leaves as it is, because no Score file asks for it; `data` describes its volumes.

    Those of orphaned resources are named with their resource, and a plan lists all of them.
    """
    if settings.command not in ("generate", "deploy", "preview", "sync"):
        return []
    with_resource = {name for resource in found.resources for name in resource.apps}
    return [
        Problem(
            f"the app {app.name} is no longer used by any Score file, and is left as it is"
            + (f" with its data {data(app).removeprefix(f'app {app.name} ')}" if data(app) else ""),
            _way_to_remove(settings, app, data(app)),
            severity="warning",
        )
        for app in found.apps
        if app.id and app.name not in with_resource
    ]


def _way_to_remove(settings: Settings, app: AppState, data: str) -> str:
    if settings.declared is None:
        return f"`scorefly cleanup{' --cleanup resources,volumes' if data else ''}` destroys it"
    if app.workload and app.workload not in settings.declared and not data:
        return "`scorefly sync --prune` destroys it"
    return f"`fly apps destroy {app.name}` destroys it"


def _gone(settings: Settings, loaded: Loaded, state: EnvironmentState) -> frozenset[str]:
    here = {workload.name for workload in loaded.workloads}
    return frozenset(state.workloads.keys() - here - not_looked_at(settings, loaded, state))
