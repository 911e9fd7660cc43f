"""Provisions the resources of a run, each after those it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly import interruption
from scorefly.desired.likely_mistakes import size_problems
from scorefly.desired.load import Loaded
from scorefly.desired.orphans import not_looked_at, users_of
from scorefly.desired.provisioning_context import calls_of_run, provisioning_context, workload_views
from scorefly.desired.resolution import Resolution
from scorefly.desired.resource_request import defining_workload, lacks_values, resolved_params, resource_request
from scorefly.fly.api import FlyApi
from scorefly.problems import InputError, Problem, raise_errors
from scorefly.report.progress import Progress
from scorefly.resources.budget import bounded_together
from scorefly.resources.graph import ResourceNode
from scorefly.resources.provisioner import (
    Provisioned,
    Provisioner,
    ProvisioningContext,
    Request,
)
from scorefly.run import Run
from scorefly.score.workload import Workload
from scorefly.state.document import EnvironmentState, ResourceState
from scorefly.state.keeper import Keeper
from scorefly.values import merge_patch, texts_to_hide


def provision(
    run: Run,
    loaded: Loaded,
    *,
    trial: bool = False,
    problems: Sequence[Problem] = (),
    api: FlyApi | None = None,
) -> Resolution:
    """Provision all resources in dependency order.

    Mistakes of the user are collected as problems; what depends on them is left out, and nothing outside is called any
    more. A `trial` only checks: missing GitHub secrets get a stand-in. `problems` are those found before. With an `api`
    it creates databases of Fly Managed Postgres too.
    """
    settings = run.settings
    elsewhere = not_looked_at(settings, loaded, run.state)
    files = {workload.name: str(workload.file) for workload in loaded.workloads}
    run.keeper.change(lambda state: replace(state, workloads={**state.workloads, **files}))
    views = workload_views(run.settings, loaded, run.state)
    context = provisioning_context(
        run.settings, views, run.progress, calls=calls_of_run(run.settings, trial), trial=trial, api=api
    )
    workloads = {workload.name: workload for workload in loaded.workloads}
    provisioning = _Provisioning(
        loaded,
        workloads,
        elsewhere,
        run.keeper,
        run.progress,
        context,
        Resolution(views, problems=list(problems)),
        settings.granted,
    )
    with bounded_together():
        for node in _order(loaded, run.state):
            interruption.check()
            provisioning.provision(node)
    return provisioning.resolution


def _order(loaded: Loaded, state: EnvironmentState) -> list[ResourceNode]:
    """Return the resources, each after those it needs.

    First come those that lack values which state does not keep, because their peers read them.
    """
    nodes, ordered = loaded.graph.nodes, dict[str, ResourceNode]()

    def add(uid: str) -> None:
        if uid not in ordered:
            for need in nodes[uid].needs:
                add(need)
            ordered[uid] = nodes[uid]

    for uid in nodes:
        if loaded.provisioners[uid].spec.reads_peers and uid in state.resources and lacks_values(state.resources[uid]):
            add(uid)
    return list({**ordered, **nodes}.values())


class _Provisioning(Struct):
    """Provisions resource by resource. `elsewhere` are the workloads that the run is not about."""

    loaded: Loaded
    workloads: Mapping[str, Workload]
    elsewhere: Collection[str]
    keeper: Keeper
    progress: Progress
    run_context: ProvisioningContext
    resolution: Resolution
    granted: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def provision(self, node: ResourceNode) -> None:
        """Provision a resource. Those that it needs are provisioned already."""
        resolution, provisioner = self.resolution, self.loaded.provisioners[node.uid]
        if any(need not in resolution.outputs for need in node.needs):
            return
        if resolution.failed and provisioner.reaches_out(self.run_context.outside):
            return
        definer = defining_workload(node, self.keeper.state, self.elsewhere)
        workload = self.workloads.get(definer) or self.workloads[node.definers[0]]
        try:
            params = resolved_params(node, workload, resolution.lookup(workload, self.loaded))
            resolution.problems += _changed_hands(node, provisioner, self.keeper.state)
            nodes = self.loaded.graph.nodes
            request = resource_request(
                node, params, self.run_context, self.keeper.state, provisioner, self.elsewhere, nodes
            )
            raise_errors(size_problems(request, provisioner.spec))
            provisioned = self._ask(node, request, provisioner, self._context_of(node, provisioner))
        except InputError as error:
            resolution.problems.extend(error.problems)
            return
        resolution.problems.extend(provisioned.problems)
        resolution.outputs[node.uid] = provisioned.outputs
        resolution.params[node.uid] = request.params
        resolution.apps[node.uid] = provisioned.apps
        if provisioned.open_outputs:
            resolution.open_outputs.add(node.uid)

    def _context_of(self, node: ResourceNode, provisioner: Provisioner) -> ProvisioningContext:
        """Leave out the secrets that a workload which uses the resource does not get.

        A provisioner of the project is trusted with all of them.
        """
        limits = [self.granted[name] for name in node.workloads if name in self.granted]
        if not limits or not provisioner.spec.built_in:
            return self.run_context
        names = frozenset.intersection(*limits)
        secrets = {name: value for name, value in self.run_context.secrets.items() if name in names}
        return replace(self.run_context, secrets=secrets, granted_secrets=names)

    def _ask(
        self, node: ResourceNode, request: Request, provisioner: Provisioner, context: ProvisioningContext
    ) -> Provisioned:
        """Call the provisioner, and remember its answer.

        Where it calls a program or a server, state is saved before the call and directly after it.
        """
        keeper, progress = self.keeper, self.progress

        def remember(provisioned: Provisioned) -> Callable[[EnvironmentState], EnvironmentState]:
            return _remembering(node, request, provisioned, provisioner, self.elsewhere)

        reaches_out = provisioner.reaches_out(self.run_context.outside)
        if reaches_out:
            # A call that is cut short may have made something: state has to know whom to ask to take it away again.
            keeper.record(remember(Provisioned(request.outputs, request.state, random=request.random)))
            request = replace(request, keep=lambda provisioned: keeper.record(remember(provisioned)))
            progress.step(f"{node.uid}: asking {provisioner.spec.uri}")
        provisioned = provisioner.provision(request, context)
        _check(node, provisioner, provisioned)
        self.run_context.outside.hide(texts_to_hide(dict(provisioned.outputs)))
        if not provisioned.provisional:
            if not reaches_out:
                self.run_context.outside.hide(texts_to_hide(dict(provisioned.state)))
            keeper.change(remember(provisioned))
        return provisioned


def _changed_hands(node: ResourceNode, provisioner: Provisioner, state: EnvironmentState) -> list[Problem]:
    """Return a warning where a program or server made the resource so far, and something else does from now on."""
    previous = state.resources.get(node.uid)
    before, now = previous.provisioner if previous else "", provisioner.spec.uri
    if before == now or not before.startswith(("cmd://", "http://", "https://")):
        return []
    return [
        Problem(
            f"{node.uid} was made by {before}, and is made by {now} from now on",
            "what the first one made stays: take it away by hand where it has to go",
            node.place,
            severity="warning",
        )
    ]


def _check(node: ResourceNode, provisioner: Provisioner, provisioned: Provisioned) -> None:
    missing = [name for name in provisioner.spec.expected_outputs if name not in provisioned.outputs]
    if missing:
        raise InputError(
            Problem(
                f"{provisioner.spec.uri} gave {node.uid} no output {', '.join(missing)}, which it says it does",
                "give it, or take it out of expected_outputs",
                node.place if provisioner.spec.built_in else provisioner.spec.place,
            )
        )


def _remembering(
    node: ResourceNode, request: Request, provisioned: Provisioned, provisioner: Provisioner, elsewhere: Collection[str]
) -> Callable[[EnvironmentState], EnvironmentState]:
    def remember(state: EnvironmentState) -> EnvironmentState:
        previous = state.resources.get(node.uid)
        remembered = ResourceState(
            uid=node.uid,
            guid=request.guid,
            provisioner=provisioner.spec.uri,
            type=node.type,
            class_=node.class_,
            id=node.id,
            workloads=users_of(node, previous, elsewhere),
            owner=request.owner.name,
            needs=previous.needs if previous and request.owner.name != node.owner else node.needs,
            metadata=dict(request.metadata),  # type: ignore[arg-type]  # plain data is a tree
            params=dict(request.params),
            state=dict(provisioned.state),
            outputs=dict(provisioned.outputs),
            random=dict(provisioned.random),
            apps=tuple(app.name for app in provisioned.apps),
            app_stems={app.key: app.stem for app in provisioned.apps if app.stem},
            defined_by=defining_workload(node, state, elsewhere),
        )
        return replace(state.with_resource(remembered), shared=merge_patch(state.shared, provisioned.shared))

    return remember
