"""Requests to provisioners: a resource with its params, its earlier outputs and state, and its peers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from scorefly.desired.server_versions import kept_shared, kept_state
from scorefly.problems import InputError, Problem
from scorefly.resources.graph import ResourceNode
from scorefly.resources.provisioner import (
    Peer,
    Provisioner,
    ProvisioningContext,
    Request,
)
from scorefly.score.placeholders import Lookup, UnknownReference, substitute_tree
from scorefly.score.workload import Workload
from scorefly.state.document import NOT_KEPT, EnvironmentState, ResourceState, guid, kept_values
from scorefly.values import Tree


def resolved_params(node: ResourceNode, workload: Workload, lookup: Lookup) -> dict[str, Tree]:
    """Return the params of a resource with their placeholders replaced. Raises InputError."""
    try:
        tree = substitute_tree(dict(node.params), lookup)
    except UnknownReference as error:
        name = next(name for owner, name in node.users if owner == workload.name)
        place = workload.place("resources", name, "params")
        raise InputError(Problem(f"{node.uid}: {error.message}", error.hint, place)) from error
    return tree if isinstance(tree, dict) else {}


def defining_workload(node: ResourceNode, state: EnvironmentState, elsewhere: Collection[str]) -> str:
    """Return the workload that first defined a resource, while it uses it; at first the first one of the run."""
    previous = state.resources.get(node.uid)
    if previous and previous.defined_by and previous.defined_by in (*node.definers, *elsewhere):
        return previous.defined_by
    return node.definers[0]


def resource_request(
    node: ResourceNode,
    params: Mapping[str, Tree],
    run_context: ProvisioningContext,
    state: EnvironmentState,
    provisioner: Provisioner,
    elsewhere: Collection[str],
    in_this_run: Collection[str],
) -> Request:
    """Return the request for a resource.

    A shared resource stays as the workload that it belongs to defines it, in runs without that workload too.
    """
    previous, owner, metadata = state.resources.get(node.uid), node.owner, node.metadata
    replaced = run_context.replaced - {node.uid}
    if previous and previous.owner in elsewhere and previous.owner in run_context.workloads:
        owner, params = previous.owner, params or previous.params
        _refuse_incomplete(previous, node)
        metadata = metadata or dict(previous.metadata)  # type: ignore[arg-type]  # it was plain data when it was kept
    if previous and previous.defined_by in elsewhere and previous.params:
        _refuse_incomplete(previous, node)
        params = previous.params
    return Request(
        uid=node.uid,
        guid=previous.guid if previous else guid(state.seed, node.uid),
        type=node.type,
        class_=node.class_,
        id=node.id,
        name=node.id if node.shared else node.name,
        params=params,
        metadata=metadata,
        owner=run_context.workloads[owner],
        place=node.place,
        state=kept_values(kept_state(state, previous)) if previous else {},
        shared=kept_shared(state, provisioner.spec.uri),
        random=previous.random if previous else {},
        outputs=kept_values(previous.outputs) if previous else {},
        peers=_peers(node, state, provisioner, in_this_run) if provisioner.spec.reads_peers else {},
        app_stems=previous.app_stems if previous and node.uid not in run_context.replaced else {},
        taken=frozenset(app.name for app in state.apps.values() if app.owner in replaced) if replaced else frozenset(),
    )


def _peers(
    node: ResourceNode, state: EnvironmentState, provisioner: Provisioner, in_this_run: Collection[str]
) -> dict[str, Peer]:
    """Return the other resources of the same provisioner, as they were provisioned last.

    One that lacks what state does not keep is left out until this run provisions it, as in a first run.
    """
    peers = {}
    for uid, resource in state.resources.items():
        if resource.provisioner != provisioner.spec.uri or uid == node.uid:
            continue
        if lacks_values(resource):
            if uid not in in_this_run:
                _refuse_incomplete(resource, node)
            continue
        peers[uid] = Peer(resource.params, resource.state, resource.app_stems)
    return peers


def lacks_values(resource: ResourceState) -> bool:
    """Decide whether state leaves out values of a resource, because they were made from secrets of a run."""
    return NOT_KEPT in (*resource.params.values(), *resource.state.values())


def _refuse_incomplete(resource: ResourceState, node: ResourceNode) -> None:
    """Raise InputError where a resource of another run is needed, and state does not keep all of it."""
    if lacks_values(resource):
        raise InputError(
            Problem(
                f"{node.uid} needs {resource.uid}, which was made from a GitHub secret that state does not keep",
                f"include workload {resource.owner} in this run, with its Score file",
                node.place,
            )
        )
