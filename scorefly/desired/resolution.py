"""The result of provisioning a run's resources."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from scorefly.desired.load import Loaded
from scorefly.problems import Problem
from scorefly.resources.lookup import output_lookup
from scorefly.resources.provisioner import (
    ResourceApp,
    WorkloadView,
)
from scorefly.score.placeholders import Lookup
from scorefly.score.workload import Workload
from scorefly.values import Tree


class Resolution(Struct):
    """The result of provisioning, by uid: outputs, resolved params, and the Fly apps of resources.

    `workloads` are those it knew of, by name. `open_outputs` are the uids of resources whose outputs are not known yet.
    """

    workloads: Mapping[str, WorkloadView]
    outputs: dict[str, Mapping[str, Tree]] = field(default_factory=dict)
    params: dict[str, Mapping[str, Tree]] = field(default_factory=dict)
    apps: dict[str, tuple[ResourceApp, ...]] = field(default_factory=dict)
    open_outputs: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Decide whether anything is wrong."""
        return any(problem.severity == "error" for problem in self.problems)

    def lookup(self, workload: Workload, loaded: Loaded) -> Lookup:
        """Return what the placeholders of a workload find."""
        uids = loaded.graph.uids_of(workload)
        return output_lookup(
            workload.metadata,
            {name: self.outputs.get(uid, {}) for name, uid in uids.items()},
            {name for name, uid in uids.items() if uid in self.open_outputs},
            {name for name, uid in uids.items() if _gives_variables(loaded, uid)},
        )


def _gives_variables(loaded: Loaded, uid: str) -> bool:
    provisioner = loaded.provisioners.get(uid)
    return bool(provisioner and provisioner.spec.built_in and provisioner.spec.type == "environment")
