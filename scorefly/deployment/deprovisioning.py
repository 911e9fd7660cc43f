"""Removes resources: their Fly apps, what provisioners made, and what state knows of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.deployment.connection import connect
from scorefly.deployment.live import list_machines
from scorefly.deployment.networks import environment_network
from scorefly.deployment.ownership import not_ours
from scorefly.deployment.shared_servers import drop_database
from scorefly.desired.load import provisioners_of
from scorefly.desired.managed_data import managed_data
from scorefly.desired.order import waves
from scorefly.desired.provisioning_context import provisioning_context
from scorefly.desired.shared_servers import URI
from scorefly.fly.api import FlyApi
from scorefly.problems import ExternalError, InputError, Problem, ScoreflyError, nearest, option_place, raise_errors
from scorefly.report.report import Finding
from scorefly.resources.files import LoadedProvisioners
from scorefly.resources.managed import MANAGED, maker_of
from scorefly.resources.provisioner import Provisioned, Provisioner, Request, WorkloadView
from scorefly.run import Run
from scorefly.state.document import EnvironmentState, ResourceState, kept_values
from scorefly.state.keeper import Keeper
from scorefly.values import merge_patch

# What these provision is all in the state, and in the Fly apps that come along.
_NOTHING_OUTSIDE = ("static://", "template://")


def resource_in(state: EnvironmentState, uid: str) -> ResourceState:
    """The resource of that uid. Raises InputError with the nearest there is."""
    if uid not in state.resources:
        hint = nearest(uid, sorted(state.resources))
        raise InputError(Problem(f"state has no resource {uid!r}", hint, option_place("uid")))
    return state.resources[uid]


def apps_of(state: EnvironmentState, resource: ResourceState) -> tuple[str, ...]:
    """The Fly apps of a resource, those it created in earlier runs too."""
    owned = (app.name for app in state.apps.values() if app.owner == resource.uid)
    return tuple(sorted(name for name in {*resource.apps, *owned} if not _is_of_another(state, resource, name)))


def _is_of_another(state: EnvironmentState, resource: ResourceState, name: str) -> bool:
    """Decide whether an app that the resource once created belongs to a workload or to another resource now."""
    app = state.apps.get(name)
    if app is None or app.owner == resource.uid:
        return False
    owner = state.resources.get(app.owner)
    return bool(app.workload) or (owner is not None and owner.provisioner != resource.provisioner)


def apps_to_destroy(state: EnvironmentState, resource: ResourceState) -> tuple[str, ...]:
    """Those of its apps that go with it: the last of the resources that share one takes it along."""
    shared = {name for each in state.resources.values() if each.uid != resource.uid for name in each.apps}
    return tuple(name for name in apps_of(state, resource) if name not in shared)


def in_reverse(resources: Mapping[str, ResourceState]) -> list[ResourceState]:
    """The resources, each before those it needs."""
    needs = {uid: tuple(need for need in each.needs if need in resources) for uid, each in resources.items()}
    ordered, _ = waves(needs)
    return [resources[uid] for wave in reversed(ordered) for uid in wave]


def deprovision(run: Run, uids: Collection[str], *, forget: bool = False) -> tuple[str, ...]:
    """Takes these resources away with their apps, each before those it needs, and returns the uids in that order.

    With `forget` provisioners are not called and apps are left alone: state loses what it knows. Raises InputError,
    before anything is done, where another resource needs one of these or a provisioner is not there.
    """
    state = run.state
    chosen = {uid: resource_in(state, uid) for uid in uids}
    makers = _Makers(run.settings)
    if not forget:
        raise_errors(makers.all.problems)
    raise_errors(
        Problem(f"{other.uid} needs {need}", f"deprovision {other.uid} first", option_place("uid"))
        for other in state.resources.values()
        for need in other.needs
        if need in chosen and other.uid not in chosen
    )
    if not forget:
        for resource in chosen.values():
            makers.of(resource)
    for resource in in_reverse(chosen):
        if forget:
            run.keeper.record(lambda state, uid=resource.uid: state.without_resource(uid))  # type: ignore[misc]
        else:
            _destroy_apps(run, apps_to_destroy(run.state, resource))
            if resource.provisioner in (URI, *MANAGED):
                with connect(run.settings, run.keeper) as connection:
                    _drop_database(run, resource, connection.api)
                    _take_away(run, resource, makers, connection.api)
            else:
                _take_away(run, resource, makers)
    return tuple(resource.uid for resource in in_reverse(chosen))


def deprovision_each(run: Run, uids: Iterable[str], api: FlyApi) -> tuple[Finding, ...]:
    """Takes the resources of these uids out of the world and out of the state; their apps are left to the caller.

    One that fails stays, and so does what it needs. Provisioner files are read when the first resource needs one.
    """
    needed_by_kept: set[str] = set()
    findings = []
    makers = _Makers(run.settings)
    for resource in in_reverse({uid: run.state.resources[uid] for uid in uids}):
        data = managed_data(run.state, resource)
        why = f"{resource.provisioner}, with {data} and its data" if data else resource.provisioner
        finding = Finding("resource", resource.uid, "removed", why)
        try:
            if resource.uid in needed_by_kept:
                raise ExternalError(Problem(f"{resource.uid} stays, for a resource that needs it could not be removed"))
            if not run.settings.dry_run:
                _drop_database(run, resource, api)
                _take_away(run, resource, makers, api)
        except ScoreflyError as error:
            for problem in error.problems:
                run.progress.problem(problem)
            needed_by_kept |= {resource.uid, *resource.needs}
            finding = replace(finding, outcome="failed", why=error.problems[0].message)
        findings.append(finding)
    return tuple(findings)


class _Makers(Struct):
    """Finds the provisioner that made a resource. Files are read at the first resource that was made outside."""

    settings: Settings
    _all: LoadedProvisioners | None = field(default=None)

    @property
    def all(self) -> LoadedProvisioners:
        """All there are, with what is wrong with their files."""
        if self._all is None:
            self._all = provisioners_of(self.settings, check_templates=False)
        return self._all

    def of(self, resource: ResourceState) -> Provisioner | None:
        """The one that made it; None where it made nothing outside. Raises InputError when it is not there."""
        if resource.provisioner.startswith(_NOTHING_OUTSIDE):
            return None
        if maker := maker_of(resource.provisioner, resource.type, option_place("uid")):
            return maker
        raise_errors(self.all.problems)
        found = self.all.of_uri(resource.provisioner, resource.type, resource.class_, resource.id)
        if found is None:
            hint = "name its file with provisioners; `resources deprovision --forget` only takes it out of state"
            message = f"{resource.uid} was made by {resource.provisioner}, and no entry has that uri"
            raise InputError(Problem(message, hint, option_place("provisioners")))
        return found


def _take_away(
    run: Run,
    resource: ResourceState,
    makers: _Makers,
    api: FlyApi | None = None,
) -> None:
    """Saves as soon as the resource is gone: a run that ends early goes on where it was."""
    run.progress.step(f"{resource.uid}: deprovisioning")
    if maker := makers.of(resource):
        run_context = provisioning_context(run.settings, {}, run.progress, calls="provision", api=api)
        for problem in maker.deprovision(_request(resource, run.keeper), run_context):
            run.progress.problem(problem)
    run.keeper.record(lambda state: state.without_resource(resource.uid))


def _drop_database(run: Run, resource: ResourceState, api: FlyApi) -> None:
    """Drop the database of a resource that is on a server which all previews share."""
    if resource.provisioner != URI:
        return
    state = run.state
    last = [each.uid for each in state.resources.values() if each.provisioner == URI] == [resource.uid]
    drop_database(run.settings, run.progress, api, resource, environment_network(run.settings, state), last=last)


def _destroy_apps(run: Run, names: Collection[str]) -> None:
    if not names:
        return
    with connect(run.settings, run.keeper) as connection:
        live = list_machines(run.settings, connection.api, names)
        for name in names:
            if problem := not_ours(run.settings, connection.api, name, live.get(name, ()), run.state):
                run.progress.problem(replace(problem, severity="warning"))
            else:
                run.progress.step(f"{name}: destroying")
                connection.api.delete_app(name)
            run.keeper.record(lambda state, name=name: state.without_app(name))  # type: ignore[misc]


def _request(resource: ResourceState, keeper: Keeper) -> Request:
    def keep(given: Provisioned) -> None:
        changed = replace(resource, state=given.state)
        keeper.record(
            lambda state: replace(state.with_resource(changed), shared=merge_patch(state.shared, given.shared))
        )

    return Request(
        uid=resource.uid,
        guid=resource.guid,
        type=resource.type,
        class_=resource.class_,
        id=resource.id,
        name=resource.id,
        params=kept_values(resource.params),
        metadata=dict(resource.metadata),  # type: ignore[arg-type]  # it was plain data when it was kept
        owner=WorkloadView("", ""),
        place=option_place("uid"),
        state=kept_values(resource.state),
        shared=keeper.state.shared,
        random=resource.random,
        outputs=resource.outputs,
        keep=keep,
    )
