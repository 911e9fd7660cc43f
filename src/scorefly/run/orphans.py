"""Orphans: resources that state has, and that no Score file asks for any more."""

from __future__ import annotations

from collections.abc import Sequence

from scorefly.problems import Problem
from scorefly.run.loading import Loaded
from scorefly.run.settings import Settings
from scorefly.state.document import EnvironmentState, ResourceState


def orphans(settings: Settings, loaded: Loaded, state: EnvironmentState) -> tuple[ResourceState, ...]:
    """The environment's orphans, by uid.

    Where Score files were named for this run alone, others may ask for what these do not: then only a resource whose
    workloads are all at hand can be told to be one.
    """
    here = {workload.name for workload in loaded.workloads}
    return tuple(
        resource
        for uid, resource in sorted(state.resources.items())
        if uid not in loaded.graph.nodes and (not settings.some_score_files or here.issuperset(resource.workloads))
    )


def orphan_problems(found: Sequence[ResourceState]) -> list[Problem]:
    """A warning for each: it may cost money, and nothing takes it away unasked."""
    return [
        Problem(
            f"{each.uid}, provisioned by {each.provisioner}, is asked for by no Score file any more",
            f"`scorefly resources deprovision '{each.uid}'` takes it away"
            + (f" with {', '.join(each.apps)}" if each.apps else ""),
            severity="warning",
        )
        for each in found
    ]
