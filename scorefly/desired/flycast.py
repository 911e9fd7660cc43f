"""Selects the workloads reached through Flycast: Fly's proxy on the private network, which keeps Score's port mapping.

At `<app>.internal` an app answers at its target ports. A resource of type `service` is a name, and whoever uses it
writes the service port beside it; where the two differ, the proxy has to stand between. It serves what the app
publishes, so an app with public ports cannot have it: its private ports would be public too.
"""

from __future__ import annotations

from scorefly.convert.exposure import made_public_by
from scorefly.convert.read_annotations import Annotations, read_annotations
from scorefly.desired.load import Loaded
from scorefly.score.workload import Workload
from scorefly.state.document import EnvironmentState


def flycast_workloads(loaded: Loaded, state: EnvironmentState) -> frozenset[str]:
    """Names of those workloads of the run. An app that had Flycast keeps it: its users may not be in this run."""
    desired = _referred(loaded) | {app.workload for app in state.apps.values() if app.flycast}
    return frozenset(
        workload.name for workload in loaded.workloads if _has_flycast(workload, referred=workload.name in desired)
    )


def _has_flycast(workload: Workload, *, referred: bool) -> bool:
    """The annotation decides; without one, what is referred to needs it where its ports are moved."""
    annotations = read_annotations(workload, [])
    said: bool | None = annotations.get("flycast")
    if said is not None:
        return said
    return referred and _moves_ports(workload) and not _is_public(workload, annotations)


def _referred(loaded: Loaded) -> set[str]:
    """Workloads that a built-in `service` names."""
    found = set()
    for uid, node in loaded.graph.nodes.items():
        if node.type == "service" and loaded.provisioners[uid].spec.built_in:
            found.add(str(node.params.get("workload") or node.name))
    return found


def _moves_ports(workload: Workload) -> bool:
    return any(port.protocol == "TCP" and port.port != port.target_port for port in workload.ports.values())


def _is_public(workload: Workload, annotations: Annotations) -> bool:
    routed = any(resource.type == "route" for resource in workload.resources.values())
    return routed or any(made_public_by(port, annotations) for port in workload.ports.values())
