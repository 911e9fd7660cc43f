"""Takes resources away: what they brought to Fly, what provisioners made, and what state knows of them."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

from scorefly.problems import InputError, Problem, nearest, option_place, raise_errors
from scorefly.resources.files import LoadedProvisioners
from scorefly.resources.merge_patch import merge_patch
from scorefly.resources.provisioner import Provisioned, Provisioner, Request, Surroundings, WorkloadView
from scorefly.run.connection import Connection, connect
from scorefly.run.keeper import Keeper
from scorefly.run.loading import provisioners_of
from scorefly.run.progress import Progress
from scorefly.run.provisioning import surroundings_of
from scorefly.run.settings import Settings
from scorefly.state.document import EnvironmentState, ResourceState


def resource_in(state: EnvironmentState, uid: str) -> ResourceState:
    """The resource of that uid. Raises InputError with the nearest there is."""
    if uid not in state.resources:
        hint = nearest(uid, sorted(state.resources))
        raise InputError(Problem(f"state has no resource {uid!r}", hint, option_place("uid")))
    return state.resources[uid]


def apps_of(state: EnvironmentState, resource: ResourceState) -> tuple[str, ...]:
    """The Fly apps a resource brought, those it brought in earlier runs too."""
    owned = (app.name for app in state.apps.values() if app.owner == resource.uid)
    return tuple(sorted({*resource.apps, *owned}))


def deprovision(
    settings: Settings,
    uids: Collection[str],
    keeper: Keeper,
    progress: Progress,
    *,
    forget: bool = False,
    connection: Connection | None = None,
) -> tuple[str, ...]:
    """Takes these resources away, each before those it needs, and returns the uids in that order.

    Without a `connection` one is opened where apps have to go. With `forget` provisioners are not called and apps are
    left alone: state loses what it knows. Raises InputError, before anything is done, where another resource needs
    one of these or a provisioner is not there.
    """
    state = keeper.state
    chosen = {uid: resource_in(state, uid) for uid in uids}
    available = provisioners_of(settings, check_templates=False)
    if not forget:
        raise_errors(available.problems)
    raise_errors(
        Problem(f"{other.uid} needs {need}", f"deprovision {other.uid} first", option_place("uid"))
        for other in state.resources.values()
        for need in other.needs
        if need in chosen and other.uid not in chosen
    )
    makers = {uid: None if forget else _maker(available, each) for uid, each in chosen.items()}
    order = tuple(TopologicalSorter({uid: chosen[uid].needs for uid in sorted(chosen)}).static_order())
    surroundings = surroundings_of(settings, {}, progress, calls="provision")
    with ExitStack() as stack:
        work = _Deprovisioning(settings, keeper, progress, surroundings, stack, connection)
        for uid in reversed(order):
            if uid in chosen:
                work.take_away(chosen[uid], makers[uid], forget=forget)
    return tuple(uid for uid in reversed(order) if uid in chosen)


@dataclass(slots=True)
class _Deprovisioning:
    """One run. The way to Fly is opened when the first app has to go, if it is not open."""

    settings: Settings
    keeper: Keeper
    progress: Progress
    surroundings: Surroundings
    stack: ExitStack
    connection: Connection | None

    def take_away(self, resource: ResourceState, maker: Provisioner | None, *, forget: bool) -> None:
        """Saves after each step: a run that ends early goes on where it was."""
        for name in () if forget else apps_of(self.keeper.state, resource):
            self.progress.step(f"{resource.uid}: destroying {name}")
            if self.connection is None:
                self.connection = self.stack.enter_context(connect(self.settings))
            self.connection.api.delete_app(name)
            self.keeper.record(lambda state, name=name: state.without_app(name))  # type: ignore[misc]
        if maker is not None:
            self.progress.step(f"{resource.uid}: deprovisioning")
            for problem in maker.deprovision(self._request(resource), self.surroundings):
                self.progress.problem(problem)
        self.keeper.record(lambda state: state.without_resource(resource.uid))

    def _request(self, resource: ResourceState) -> Request:
        def keep(given: Provisioned) -> None:
            changed = replace(resource, state=given.state)
            self.keeper.record(
                lambda state: replace(state.with_resource(changed), shared=merge_patch(state.shared, given.shared))
            )

        return Request(
            uid=resource.uid,
            guid=resource.guid,
            type=resource.type,
            class_=resource.class_,
            id=resource.id,
            name=resource.id,
            params=resource.params,
            metadata=dict(resource.metadata),  # type: ignore[arg-type]  # it was plain data when it was kept
            owner=WorkloadView("", ""),
            place=option_place("uid"),
            state=resource.state,
            shared=self.keeper.state.shared,
            random=resource.random,
            outputs=resource.outputs,
            keep=keep,
        )


def _maker(available: LoadedProvisioners, resource: ResourceState) -> Provisioner | None:
    """The provisioner that made the resource. One that calls nothing is not missed."""
    found = available.of_uri(resource.provisioner, resource.type, resource.class_, resource.id)
    if found is None and not resource.provisioner.startswith(("static://", "template://")):
        hint = "name its file with provisioners; --forget takes the resource out of state and calls nothing"
        message = f"{resource.uid} was made by {resource.provisioner}, and no entry has that uri"
        raise InputError(Problem(message, hint, option_place("provisioners")))
    return found
