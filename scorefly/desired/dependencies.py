"""The apps that an app needs, and the order that follows from it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.desired.load import Loaded
from scorefly.desired.resolution import Resolution
from scorefly.fly.app import App
from scorefly.problems import Problem, nearest
from scorefly.score.workload import Workload
from scorefly.values import reveal_text, to_text

REFERRING_TYPES = ("service", "service-port")


def needed_apps(
    settings: Settings, workload: Workload, loaded: Loaded, resolution: Resolution, problems: list[Problem]
) -> tuple[str, ...]:
    """Return the apps to deploy before a workload's own: of its resources, and of workloads it connects to."""
    uids = loaded.graph.uids_of(workload).values()
    needs = {app.name for uid in uids for app in resolution.apps.get(uid, ())}
    for uid in uids:
        if (other := _other_workload(loaded, resolution, uid)) and other != workload.name:
            needs.add(settings.app_name(other))
            problems += _moved_ports(loaded, resolution, uid, other)
    config = settings.config(workload.name)
    for other in config.after:
        if other in settings.workloads or any(each.name == other for each in loaded.workloads):
            needs.add(settings.app_name(other))
        else:
            names = [each.name for each in loaded.workloads if each.name != workload.name]
            problems.append(Problem(f"after: unknown workload {other!r}", nearest(other, names), config.place("after")))
    return tuple(sorted(needs - {settings.app_name(workload.name)}))


def in_order(apps: Sequence[App]) -> list[App]:
    """Sort apps, each after those it needs, by name where order is free; needs outside the run count as met.

    Workloads that name each other are deployed together: their addresses are known beforehand.
    """
    from scorefly.desired.order import waves

    by_name = {app.name: app for app in apps}
    needs = {app.name: tuple(need for need in app.needs if need in by_name) for app in apps}
    ordered, kept = waves(needs)
    return [replace(by_name[name], needs=kept[name]) for wave in ordered for name in wave]


def _other_workload(loaded: Loaded, resolution: Resolution, uid: str) -> str:
    """The workload a `service` or `service-port` names: it has to run before the one that connects to it."""
    node = loaded.graph.nodes[uid]
    if node.type not in REFERRING_TYPES:
        return ""
    named = resolution.params.get(uid, {}).get("workload")
    return reveal_text(to_text(named)) if named is not None else node.name


def _moved_ports(loaded: Loaded, resolution: Resolution, uid: str, other: str) -> list[Problem]:
    """A `service` is a name, with a port written by hand beside it: without Flycast that has to be the target port."""
    node = loaded.graph.nodes[uid]
    found = next((each for each in loaded.workloads if each.name == other), None)
    if node.type != "service" or found is None or resolution.workloads[other].flycast:
        return []
    return [
        Problem(
            f"{other} answers other apps at port {port.target_port}, not at its service port {port.port}",
            f"connect to {port.target_port}, or take both from a resource of type service-port",
            node.place,
            severity="warning",
        )
        for port in found.ports.values()
        if port.port != port.target_port
    ]
