"""Which workloads are reached through Flycast: Fly's proxy on the private network, which keeps Score's port mapping.

At `<app>.internal` an app answers at its target ports. A resource of type `service` is a name, and whoever uses it
writes the service port beside it; where the two differ, the proxy has to stand between. It serves what the app
publishes, so an app with public ports cannot have it: its private ports would be public too.
"""

from __future__ import annotations

from scorefly.convert.annotations import PREFIX
from scorefly.run.loading import Loaded
from scorefly.score.workload import Workload
from scorefly.state.document import EnvironmentState

HTTP_PORTS = (80, 443)


def flycast_workloads(loaded: Loaded, state: EnvironmentState) -> frozenset[str]:
    """Names of those workloads of the run. An app that had Flycast keeps it: its users may not be in this run."""
    wanted = _referred(loaded) | {app.workload for app in state.apps.values() if app.flycast}
    return frozenset(
        workload.name
        for workload in loaded.workloads
        if (_said(workload) is None and workload.name in wanted and _moves_ports(workload) and not _is_public(workload))
        or _said(workload)
    )


def _said(workload: Workload) -> bool | None:
    return {"true": True, "false": False}.get(workload.annotations.get(f"{PREFIX}flycast", ""))


def _referred(loaded: Loaded) -> set[str]:
    """Workloads that a built-in `service` names."""
    found = set()
    for uid, node in loaded.graph.nodes.items():
        if node.type == "service" and loaded.provisioners[uid].spec.built_in:
            found.add(str(node.params.get("workload") or node.name))
    return found


def _moves_ports(workload: Workload) -> bool:
    return any(port.protocol == "TCP" and port.port != port.target_port for port in workload.ports.values())


def _is_public(workload: Workload) -> bool:
    return (
        any(port.port in HTTP_PORTS and port.protocol == "TCP" for port in workload.ports.values())
        or any(resource.type == "route" for resource in workload.resources.values())
        or any(
            "service-" in key and key.endswith(("-handlers", "-public", "-external-port"))
            for key in workload.annotations
        )
    )
