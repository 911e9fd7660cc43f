"""Refuse app names that state gives to something else, whether a run is about that or not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from scorefly.desired.data_risks import takes_the_place_of
from scorefly.desired.load import Loaded
from scorefly.desired.resolution import Resolution
from scorefly.fly.app import App
from scorefly.problems import Problem
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
    brought_before = _index((name, uid) for uid, resource in state.resources.items() for name in resource.apps)
    users = _users(loaded, resolution, state)
    for app in apps:
        others = _owners(state, app, brought_before.get(app.name, set())) - {app.owner} - users.get(app.name, set())
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


def _index(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key, value in pairs:
        found.setdefault(key, set()).add(value)
    return found


def _owners(state: EnvironmentState, app: App, resources: set[str]) -> set[str]:
    """Return the workload or the resources' uids that state gives an app's name to.

    An app that was deployed is the workload's, also where a resource that is left over created it once.
    """
    known = state.apps.get(app.name)
    if known and known.workload:
        return set() if app.workload else {known.owner}
    return resources | ({known.owner} if known and known.owner else set())


def _users(loaded: Loaded, resolution: Resolution, state: EnvironmentState) -> dict[str, set[str]]:
    """Return the resources that bring each app now, and those of provisioners that share one app among them all."""
    by_provisioner = _index((resource.provisioner, uid) for uid, resource in state.resources.items())
    users = _index((each.name, uid) for uid, resource_apps in resolution.apps.items() for each in resource_apps)
    shared = {
        (each.name, loaded.provisioners[uid].spec.uri)
        for uid, resource_apps in resolution.apps.items()
        for each in resource_apps
        if each.shared
    }
    for name, uri in shared:
        users[name] |= by_provisioner.get(uri, set())
    return users
