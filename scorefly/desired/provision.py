"""Provisions the resources of a run, each after those it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly import interruption
from scorefly.config.settings import Settings
from scorefly.desired.flycast import flycast_workloads
from scorefly.desired.likely_mistakes import size_problems
from scorefly.desired.load import Loaded
from scorefly.desired.orphans import not_looked_at, users_of
from scorefly.desired.public_names import workload_names
from scorefly.desired.server_versions import kept_shared, kept_state
from scorefly.fly.api import FlyApi
from scorefly.problems import InputError, Problem, raise_errors
from scorefly.report.progress import Progress
from scorefly.resources.budget import bounded_together
from scorefly.resources.graph import ResourceNode
from scorefly.resources.lookup import output_lookup
from scorefly.resources.provisioner import (
    Calls,
    Outside,
    Peer,
    Provisioned,
    Provisioner,
    ProvisioningContext,
    Request,
    ResourceApp,
    WorkloadView,
)
from scorefly.run import Run
from scorefly.score.placeholders import Lookup, UnknownReference, substitute_tree
from scorefly.score.workload import Workload
from scorefly.state.document import NOT_KEPT, EnvironmentState, ResourceState, guid, kept_values
from scorefly.state.keeper import Keeper
from scorefly.values import Tree, merge_patch, texts_to_hide


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


def provision(
    run: Run,
    loaded: Loaded,
    *,
    trial: bool = False,
    problems: Sequence[Problem] = (),
    api: FlyApi | None = None,
) -> Resolution:
    """Provisions all resources in dependency order.

    What the user wrote wrongly is gathered in the problems; what depends on it is left out, and nothing outside is
    called any more. A `trial` is for checking: GitHub secrets that are not there get a stand-in. `problems` are those
    that were found before. With an `api` it makes databases of Fly Managed Postgres too.
    """
    settings = run.settings
    elsewhere = not_looked_at(settings, loaded, run.state)
    files = {workload.name: str(workload.file) for workload in loaded.workloads}
    run.keeper.change(lambda state: replace(state, workloads={**state.workloads, **files}))
    views = workload_views(run.settings, loaded, run.state)
    run_context = provisioning_context(
        run.settings, views, run.progress, calls=_calls(run.settings, trial), trial=trial, api=api
    )
    workloads = {workload.name: workload for workload in loaded.workloads}
    provisioning = _Provisioning(
        loaded,
        workloads,
        elsewhere,
        run.keeper,
        run.progress,
        run_context,
        Resolution(views, problems=list(problems)),
        settings.granted,
    )
    with bounded_together():
        for node in _order(loaded, run.state):
            interruption.check()
            provisioning.provision(node)
    return provisioning.resolution


def _order(loaded: Loaded, state: EnvironmentState) -> list[ResourceNode]:
    """The resources, each after those it needs; first those that lack what state does not keep, for their peers."""
    nodes, ordered = loaded.graph.nodes, dict[str, ResourceNode]()

    def add(uid: str) -> None:
        if uid not in ordered:
            for need in nodes[uid].needs:
                add(need)
            ordered[uid] = nodes[uid]

    for uid in nodes:
        if loaded.provisioners[uid].spec.reads_peers and uid in state.resources and _lacks_values(state.resources[uid]):
            add(uid)
    return list({**ordered, **nodes}.values())


def _lacks_values(resource: ResourceState) -> bool:
    return NOT_KEPT in (*resource.params.values(), *resource.state.values())


class _Provisioning(Struct):
    """One run over the resources. `elsewhere` are the workloads that it is not about."""

    loaded: Loaded
    workloads: Mapping[str, Workload]
    elsewhere: Collection[str]
    keeper: Keeper
    progress: Progress
    run_context: ProvisioningContext
    resolution: Resolution
    granted: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def provision(self, node: ResourceNode) -> None:
        """One resource, those it needs being done."""
        resolution, provisioner = self.resolution, self.loaded.provisioners[node.uid]
        if any(need not in resolution.outputs for need in node.needs):
            return
        if resolution.failed and provisioner.reaches_out(self.run_context.outside):
            return
        definer = _definer(node, self.keeper.state, self.elsewhere)
        workload = self.workloads.get(definer) or self.workloads[node.definers[0]]
        try:
            params = _params(node, workload, resolution.lookup(workload, self.loaded))
            resolution.problems += _changed_hands(node, provisioner, self.keeper.state)
            nodes = self.loaded.graph.nodes
            request = _request(node, params, self.run_context, self.keeper.state, provisioner, self.elsewhere, nodes)
            raise_errors(size_problems(request, provisioner.spec))
            given = self._ask(node, request, provisioner, self._context_of(node, provisioner))
        except InputError as error:
            resolution.problems.extend(error.problems)
            return
        resolution.problems.extend(given.problems)
        resolution.outputs[node.uid] = given.outputs
        resolution.params[node.uid] = request.params
        resolution.apps[node.uid] = given.apps
        if given.open_outputs:
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
        """Return what reaches out is remembered and saved before, and directly after."""
        keeper, progress = self.keeper, self.progress

        def remember(given: Provisioned) -> Callable[[EnvironmentState], EnvironmentState]:
            return _remembering(node, request, given, provisioner, self.elsewhere)

        reaches_out = provisioner.reaches_out(self.run_context.outside)
        if reaches_out:
            # A call that is cut short may have made something: state has to know whom to ask to take it away again.
            keeper.record(remember(Provisioned(request.outputs, request.state, random=request.random)))
            request = replace(request, keep=lambda given: keeper.record(remember(given)))
            progress.step(f"{node.uid}: asking {provisioner.spec.uri}")
        given = provisioner.provision(request, context)
        _check(node, provisioner, given)
        self.run_context.outside.hide(texts_to_hide(dict(given.outputs)))
        if not given.provisional:
            if not reaches_out:
                self.run_context.outside.hide(texts_to_hide(dict(given.state)))
            keeper.change(remember(given))
        return given


def _changed_hands(node: ResourceNode, provisioner: Provisioner, state: EnvironmentState) -> list[Problem]:
    """A warning where something outside made it so far, and something else does from now on."""
    known = state.resources.get(node.uid)
    before, now = known.provisioner if known else "", provisioner.spec.uri
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


def _calls(settings: Settings, trial: bool) -> Calls:
    """Return what this run may call commands and servers for."""
    if trial:
        return "never"
    if settings.dry_run or settings.command == "plan":
        return "plan"
    return "provision" if settings.command in ("generate", "deploy", "preview") else "known"


def workload_views(settings: Settings, loaded: Loaded, state: EnvironmentState) -> dict[str, WorkloadView]:
    """The workloads of this run, and those that state remembers of the environment."""
    flycast = flycast_workloads(loaded, state)
    remembered = {
        app.workload: WorkloadView(app.workload, app.name, app.ports, app.flycast)
        for app in state.apps.values()
        if app.workload
    }
    present = {
        workload.name: WorkloadView(
            workload.name,
            settings.app_name(workload.name),
            {name: (port.port, port.target_port) for name, port in workload.ports.items()},
            workload.name in flycast,
        )
        for workload in loaded.workloads
    }
    return remembered | present


def provisioning_context(
    settings: Settings,
    workloads: Mapping[str, WorkloadView],
    progress: Progress,
    *,
    calls: Calls,
    trial: bool = False,
    api: FlyApi | None = None,
) -> ProvisioningContext:
    """Return what provisioners see of a run, and what they are called with."""
    from scorefly.desired.shared_servers import server_name
    from scorefly.fly.managed_postgres import ManagedPostgresApi
    from scorefly.fly.names import resource_app_name
    from scorefly.resources.own_tokens import own_secrets

    progress.publish(workload_names(workloads))
    own = own_secrets(
        settings.secrets,
        fly_api_token=settings.fly_api_token,
        github_token=settings.github_token,
        state_key=settings.state_key,
    )
    return ProvisioningContext(
        environment=settings.stage or settings.environment,
        variables=settings.variables,
        secrets={name: value for name, value in settings.secrets.items() if name not in own},
        workloads=workloads,
        app_name=lambda stem: resource_app_name(settings.app_prefix, stem, settings.app_suffix),
        outside=Outside(
            calls=calls,
            rehearsal=settings.rehearse,
            workspace=settings.workspace,
            environ=settings.environ,
            hide=progress.hide,
            output=progress.output,
            managed=ManagedPostgresApi(api, settings.org, settings.region) if api else None,
        ),
        trial=trial,
        own_secrets=own,
        replaced=frozenset(settings.replace),
        custom_domains=settings.custom_domains,
        previews_app=lambda kind: server_name(settings, kind),
    )


def _definer(node: ResourceNode, state: EnvironmentState, elsewhere: Collection[str]) -> str:
    """The workload that first defined a resource, for as long as it uses it; at first the first one of the run."""
    known = state.resources.get(node.uid)
    if known and known.defined_by and known.defined_by in (*node.definers, *elsewhere):
        return known.defined_by
    return node.definers[0]


def _params(node: ResourceNode, workload: Workload, lookup: Lookup) -> dict[str, Tree]:
    try:
        tree = substitute_tree(dict(node.params), lookup)
    except UnknownReference as error:
        name = next(name for owner, name in node.users if owner == workload.name)
        place = workload.place("resources", name, "params")
        raise InputError(Problem(f"{node.uid}: {error.message}", error.hint, place)) from error
    return tree if isinstance(tree, dict) else {}


def _request(
    node: ResourceNode,
    params: Mapping[str, Tree],
    run_context: ProvisioningContext,
    state: EnvironmentState,
    provisioner: Provisioner,
    elsewhere: Collection[str],
    in_this_run: Collection[str],
) -> Request:
    """A shared resource stays what the workload it belongs to makes of it, in runs that are not about that one too."""
    known, owner, metadata = state.resources.get(node.uid), node.owner, node.metadata
    replaced = run_context.replaced - {node.uid}
    if known and known.owner in elsewhere and known.owner in run_context.workloads:
        owner, params = known.owner, params or known.params
        _refuse_incomplete(known, node)
        metadata = metadata or dict(known.metadata)  # type: ignore[arg-type]  # it was plain data when it was kept
    if known and known.defined_by in elsewhere and known.params:
        _refuse_incomplete(known, node)
        params = known.params
    return Request(
        uid=node.uid,
        guid=known.guid if known else guid(state.seed, node.uid),
        type=node.type,
        class_=node.class_,
        id=node.id,
        name=node.id if node.shared else node.name,
        params=params,
        metadata=metadata,
        owner=run_context.workloads[owner],
        place=node.place,
        state=kept_values(kept_state(state, known)) if known else {},
        shared=kept_shared(state, provisioner.spec.uri),
        random=known.random if known else {},
        outputs=kept_values(known.outputs) if known else {},
        peers=_peers(node, state, provisioner, in_this_run) if provisioner.spec.reads_peers else {},
        app_stems=known.app_stems if known and node.uid not in run_context.replaced else {},
        taken=frozenset(app.name for app in state.apps.values() if app.owner in replaced) if replaced else frozenset(),
    )


def _peers(
    node: ResourceNode, state: EnvironmentState, provisioner: Provisioner, in_this_run: Collection[str]
) -> dict[str, Peer]:
    """The other resources of the same provisioner, as they were provisioned last.

    One that lacks what state does not keep is left out until this run provisions it, as in a first run.
    """
    peers = {}
    for uid, resource in state.resources.items():
        if resource.provisioner != provisioner.spec.uri or uid == node.uid:
            continue
        if _lacks_values(resource):
            if uid not in in_this_run:
                _refuse_incomplete(resource, node)
            continue
        peers[uid] = Peer(resource.params, resource.state, resource.app_stems)
    return peers


def _refuse_incomplete(resource: ResourceState, node: ResourceNode) -> None:
    """Raise InputError where a resource of another run is needed, and state does not keep all of it."""
    if _lacks_values(resource):
        raise InputError(
            Problem(
                f"{node.uid} needs {resource.uid}, which was made from a GitHub secret that state does not keep",
                f"include workload {resource.owner} in this run, with its Score file",
                node.place,
            )
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
        remembered = ResourceState(
            uid=node.uid,
            guid=request.guid,
            provisioner=provisioner.spec.uri,
            type=node.type,
            class_=node.class_,
            id=node.id,
            workloads=users_of(node, known, elsewhere),
            owner=request.owner.name,
            needs=known.needs if known and request.owner.name != node.owner else node.needs,
            metadata=dict(request.metadata),  # type: ignore[arg-type]  # plain data is a tree
            params=dict(request.params),
            state=dict(given.state),
            outputs=dict(given.outputs),
            random=dict(given.random),
            apps=tuple(app.name for app in given.apps),
            app_stems={app.key: app.stem for app in given.apps if app.stem},
            defined_by=_definer(node, state, elsewhere),
        )
        return replace(state.with_resource(remembered), shared=merge_patch(state.shared, given.shared))

    return remember
