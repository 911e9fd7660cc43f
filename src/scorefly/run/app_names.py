"""Refuse app names that state gives to something else, whether a run is about that or not."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from scorefly.fly.app import App
from scorefly.problems import Problem
from scorefly.run.data_risks import takes_the_place_of
from scorefly.run.loading import Loaded
from scorefly.run.provisioning import Resolution
from scorefly.state.document import EnvironmentState


def app_name_conflicts(
    apps: Sequence[App],
    loaded: Loaded,
    resolution: Resolution,
    state: EnvironmentState,
    orphaned: Collection[str],
) -> list[Problem]:
    """Return an error for each app that is another resource's or workload's in the state from before the run.

    A workload may take the app of another workload over, as it does when it is renamed. An app that is one for all
    resources of a provisioner belongs to each of them. `orphaned` are the resources that no Score file uses any longer.
    """
    problems = []
    for app in apps:
        current = {uid for uid, brought in resolution.apps.items() if any(each.name == app.name for each in brought)}
        others = _owners(state, app) - {app.owner} - current - _sharing(app, loaded, resolution, state)
        # What takes the place of a resource with data is refused as that.
        others -= {
            uid for uid in others.intersection(orphaned) if takes_the_place_of(loaded, app.owner, state.resources[uid])
        }
        if not others:
            continue
        unused = sorted(uid for uid in others if uid in state.resources and uid not in loaded.graph.nodes)
        remove = f", or remove the other one first: scorefly resources deprovision '{unused[0]}'" if unused else ""
        workload = next((each for each in loaded.workloads if each.name == app.workload), None)
        problems.append(
            Problem(
                f"the app {app.name!r} of {app.owner} belongs to {', '.join(sorted(others))} in the state",
                f"rename the workload or the resource{remove}",
                workload.place("metadata", "name") if workload else loaded.graph.nodes[app.owner].place,
            )
        )
    return problems


def _owners(state: EnvironmentState, app: App) -> set[str]:
    """Return the workload or the resources' uids that state gives an app's name to.

    An app that was deployed is the workload's, also where a resource that is left over brought it once.
    """
    known = state.apps.get(app.name)
    if known and known.workload:
        return set() if app.workload else {known.owner}
    uids = {uid for uid, resource in state.resources.items() if app.name in resource.apps}
    return uids | ({known.owner} if known and known.owner else set())


def _sharing(app: App, loaded: Loaded, resolution: Resolution, state: EnvironmentState) -> set[str]:
    """Return the resources of the provisioners that bring this app for all of their resources."""
    uris = {
        loaded.provisioners[uid].spec.uri
        for uid, brought in resolution.apps.items()
        if any(each.name == app.name and each.shared for each in brought)
    }
    return {uid for uid, resource in state.resources.items() if resource.provisioner in uris}
