"""Provisions the resources of a run, each after those it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from scorefly.problems import InputError, Problem
from scorefly.resources.graph import ResourceNode
from scorefly.resources.lookup import output_lookup
from scorefly.resources.provisioner import (
    Provisioned,
    Provisioner,
    Request,
    ResourceApp,
    Surroundings,
    WorkloadView,
)
from scorefly.run.keeper import Keeper
from scorefly.run.loading import Loaded
from scorefly.run.orphans import not_looked_at
from scorefly.run.progress import Progress
from scorefly.run.settings import Settings
from scorefly.score.placeholders import Lookup, UnknownReference, substitute_tree
from scorefly.score.workload import Workload
from scorefly.state.document import EnvironmentState, ResourceState, guid
from scorefly.values import Tree, secret_texts


@dataclass(slots=True)
class Resolution:
    """What provisioning gave: by uid the outputs, the resolved params, and the Fly apps that come along."""

    outputs: dict[str, Mapping[str, Tree]] = field(default_factory=dict)
    params: dict[str, Mapping[str, Tree]] = field(default_factory=dict)
    apps: dict[str, tuple[ResourceApp, ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def lookup(self, workload: Workload, loaded: Loaded) -> Lookup:
        """What the placeholders of a workload find."""
        uids = loaded.graph.uids_of(workload)
        return output_lookup(workload.metadata, {name: self.outputs.get(uid, {}) for name, uid in uids.items()})


def provision(
    settings: Settings, loaded: Loaded, keeper: Keeper, progress: Progress, *, trial: bool = False
) -> Resolution:
    """Provisions all resources in dependency order.

    What the user wrote wrongly is gathered in the problems; what depends on it is left out. A `trial` is for
    checking: GitHub secrets that are not there get a stand-in.
    """
    present = {workload.name: _view(settings, workload) for workload in loaded.workloads}
    surroundings = surroundings_of(settings, keeper.state, present, trial=trial)
    workloads = {workload.name: workload for workload in loaded.workloads}
    resolution = Resolution()
    elsewhere = not_looked_at(settings, loaded, keeper.state)
    files = {workload.name: str(workload.file) for workload in loaded.workloads}
    keeper.change(lambda state: replace(state, workloads={**state.workloads, **files}))
    for node in loaded.graph.nodes.values():
        if any(need not in resolution.outputs for need in node.needs):
            continue
        lookup = resolution.lookup(workloads[node.params_workload], loaded)
        try:
            params = _params(node, workloads[node.params_workload], lookup)
            provisioner = loaded.provisioners[node.uid]
            request = _request(node, params, surroundings, keeper.state, elsewhere)
            given = provisioner.provision(request, surroundings)
            _check(node, provisioner, given)
        except InputError as error:
            resolution.problems.extend(error.problems)
            continue
        progress.hide(secret_texts(dict(given.outputs)))
        progress.hide(secret_texts(dict(given.state)))
        keeper.change(_remembering(node, request, given, provisioner, elsewhere))
        resolution.outputs[node.uid] = given.outputs
        resolution.params[node.uid] = request.params
        resolution.apps[node.uid] = given.apps
    return resolution


def surroundings_of(
    settings: Settings, state: EnvironmentState, present: Mapping[str, WorkloadView], *, trial: bool = False
) -> Surroundings:
    """What provisioners may know: the workloads of this run, and those that state remembers of the environment."""
    from scorefly.fly.names import resource_app_name

    remembered = {
        app.workload: WorkloadView(app.workload, app.name, app.ports) for app in state.apps.values() if app.workload
    }
    return Surroundings(
        environment=settings.environment,
        variables=settings.variables,
        secrets=settings.secrets,
        workloads={**remembered, **present},
        app_name=lambda stem: resource_app_name(settings.app_prefix, stem, settings.app_suffix),
        trial=trial,
    )


def _view(settings: Settings, workload: Workload) -> WorkloadView:
    ports = {name: (port.port, port.target_port) for name, port in workload.ports.items()}
    return WorkloadView(workload.name, settings.app_name(workload.name), ports)


def _params(node: ResourceNode, workload: Workload, lookup: Lookup) -> dict[str, Tree]:
    try:
        tree = substitute_tree(dict(node.params), lookup)
    except UnknownReference as error:
        name = next(name for owner, name in node.users if owner == node.params_workload)
        place = workload.place("resources", name, "params")
        raise InputError(Problem(f"{node.uid}: {error.message}", error.hint, place)) from error
    return tree if isinstance(tree, dict) else {}


def _request(
    node: ResourceNode,
    params: Mapping[str, Tree],
    surroundings: Surroundings,
    state: EnvironmentState,
    elsewhere: Collection[str],
) -> Request:
    """A shared resource stays what the workload it belongs to makes of it, in runs that are not about that one too."""
    known, owner = state.resources.get(node.uid), node.owner
    if known and known.owner in elsewhere and known.owner in surroundings.workloads:
        owner, params = known.owner, params or known.params
    return Request(
        uid=node.uid,
        guid=known.guid if known else guid(state.seed, node.uid),
        type=node.type,
        class_=node.class_,
        id=node.id,
        name=node.id if node.shared else node.name,
        params=params,
        metadata=node.metadata,
        owner=surroundings.workloads[owner],
        place=node.place,
        state=known.state if known else {},
        shared=state.shared,
        random=known.random if known else {},
    )


def _check(node: ResourceNode, provisioner: Provisioner, given: Provisioned) -> None:
    missing = [name for name in provisioner.spec.expected_outputs if name not in given.outputs]
    if missing:
        raise InputError(
            Problem(
                f"{provisioner.spec.uri} gave {node.uid} no output {', '.join(missing)}, which it says it does",
                "give it, or take it out of expected_outputs",
                node.place if provisioner.spec.built_in else provisioner.spec.place,
            )
        )


def _remembering(
    node: ResourceNode, request: Request, given: Provisioned, provisioner: Provisioner, elsewhere: Collection[str]
) -> Callable[[EnvironmentState], EnvironmentState]:
    def remember(state: EnvironmentState) -> EnvironmentState:
        known = state.resources.get(node.uid)
        others = {name for name in known.workloads if name in elsewhere} if known else set()
        needs = known.needs if known and request.owner.name != node.owner else node.needs
        remembered = ResourceState(
            uid=node.uid,
            guid=request.guid,
            provisioner=provisioner.spec.uri,
            type=node.type,
            class_=node.class_,
            id=node.id,
            workloads=tuple(sorted({*node.workloads, *others})),
            params=dict(request.params),
            state=dict(given.state),
            outputs=dict(given.outputs),
            random=dict(given.random),
            apps=tuple(app.name for app in given.apps),
            needs=needs,
            owner=request.owner.name,
        )
        return replace(state.with_resource(remembered), shared={**state.shared, **given.shared})

    return remember
