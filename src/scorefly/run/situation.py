"""How an app stands before anything is done to it: what `deploy` acts upon, and `plan` tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from scorefly.fly.api import AddressView, FlyApi, MachineView, OrganizationMachines, VolumeView
from scorefly.fly.app import App, VolumeClaim
from scorefly.problems import OutsideError
from scorefly.run.digest import METADATA_KEY, app_digest
from scorefly.run.machine_counts import (
    Census,
    app_machines,
    count_by_group,
    listed_as_complete,
    lone_standbys,
    take_census,
)
from scorefly.run.ownership import OWNER_KEY, not_ours, owner_mark
from scorefly.run.secrets import SecretPlan, plan_secrets
from scorefly.run.settings import Settings
from scorefly.state.document import AppState, EnvironmentState, fingerprint


@dataclass(frozen=True, slots=True)
class Situation:
    """`prints` are the fingerprints of the wanted secrets, `digest` that of all that is wanted.

    `as_wanted` says that there is nothing to deploy; secrets may be there to be removed. `repair_only` says that every
    Machine has what is wanted, and only their number or their state is not. `machines` are those of the listing where
    it was enough, else the app's own with their configurations.
    """

    exists: bool = False
    machines: tuple[MachineView, ...] = ()
    prints: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    secrets: SecretPlan = field(default_factory=lambda: SecretPlan((), ()))
    as_wanted: bool = False
    repair_only: bool = False
    census: Census = field(default_factory=Census)


@dataclass(frozen=True, slots=True)
class Listed:
    """An app's Machines in the listing of the organization, which may be late.

    `trusted` says whether it may be believed where it agrees with state.
    """

    machines: tuple[MachineView, ...] = ()
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class VolumeChanges:
    """Volumes to make, one for every Machine that lacks it, and volumes to extend with the GB they are to have."""

    create: tuple[VolumeClaim, ...] = ()
    extend: tuple[tuple[VolumeView, int], ...] = ()


def look(settings: Settings, state: EnvironmentState, api: FlyApi, app: App, listed: Listed) -> Situation:
    """Looks at one app. The listing is believed where it says the same as state; else the app's own Machines are asked.

    Raises OutsideError when an app of that name is not ours.
    """
    known = known_app(state, app)
    prints = {name: fingerprint(state.seed, name, str(value.value)) for name, value in app.secrets.items()}
    digest = app_digest(settings, app, prints)
    believed = (
        listed.trusted
        and not settings.force
        and known.digest == digest
        and bool(listed.machines)
        and all(_is_settled(settings, app, machine, digest) for machine in listed.machines)
        and listed_as_complete(app, settings.ha, listed.machines)
    )
    machines = listed.machines if believed else _own_machines(api, app, listed.machines)
    exists = machines is not None
    machines = machines or ()
    if exists and (problem := not_ours(settings, api, app.name, machines, state.apps.get(app.name))):
        raise OutsideError(problem)
    secrets = plan_secrets(
        prints,
        known.secrets,
        _live_secrets(settings, api, app, known) if exists else {},
        unused=settings.unused_secrets,
        keep=settings.keep_secrets,
    )
    census = Census() if believed else _census(settings, app, machines)
    ours = [each for each in app_machines(machines) if each not in census.surplus]
    current = bool(ours) and all(machine.metadata.get(METADATA_KEY) == digest for machine in ours)
    current = current and not settings.force and not secrets.to_set
    return Situation(
        exists=exists,
        machines=tuple(machines),
        prints=prints,
        digest=digest,
        secrets=secrets,
        as_wanted=current and census.complete,
        repair_only=current and not census.complete and not lone_standbys(ours),
        census=census,
    )


def _own_machines(api: FlyApi, app: App, listed: Sequence[MachineView]) -> tuple[MachineView, ...] | None:
    """The app's Machines as the app itself has them, or None where there is no such app."""
    if not listed and api.app(app.name) is None:
        return None
    return api.find_machines(app.name)


def _is_settled(settings: Settings, app: App, machine: MachineView, digest: str) -> bool:
    mark = owner_mark(settings, app.owner)
    return machine.metadata.get(METADATA_KEY) == digest and machine.metadata.get(OWNER_KEY) == mark


def _is_known(machine: MachineView) -> bool:
    """Whether a run finished with the Machine, or at least marked it."""
    return OWNER_KEY in machine.metadata or METADATA_KEY in machine.metadata


def census_after(settings: Settings, app: App, machines: Sequence[MachineView], before: Situation) -> Census:
    """The census after a deploy. Where it replaced Machines, what it made beyond those that are needed is surplus."""
    if before.repair_only:
        return _census(settings, app, machines)
    left = {each.id for each in before.census.surplus}
    counted = count_by_group([each for each in app_machines(before.machines) if each.id not in left])
    return take_census(app, settings.ha, app_machines(machines), _is_known, counted)


def _census(settings: Settings, app: App, machines: Sequence[MachineView]) -> Census:
    return take_census(app, settings.ha, app_machines(machines), _is_known)


def known_app(state: EnvironmentState, app: App) -> AppState:
    """What state says of an app, brought up to what this run wants of it."""
    known = state.apps.get(app.name) or AppState(name=app.name, owner=app.owner)
    ports = {port.name: (port.port, port.internal) for port in app.ports}
    return replace(
        known,
        owner=app.owner,
        workload=app.workload,
        ports=ports,
        url=app.url,
        needs=app.needs,
        flycast=any(port.how == "flycast" for port in app.ports),
    )


def missing_addresses(app: App, present: Sequence[AddressView]) -> tuple[str, ...]:
    """The kinds of addresses the app still needs; an IPv4 address of its own does for a shared one."""
    kinds = {address.kind for address in present}
    if "v4" in kinds:
        kinds.add("shared_v4")
    return tuple(kind for kind in app.addresses if kind not in kinds)


def volume_changes(app: App, volumes: Sequence[VolumeView], machines: int) -> VolumeChanges:
    """What the app's claims need, for as many Machines as it has, one at least."""
    create: list[VolumeClaim] = []
    extend: list[tuple[VolumeView, int]] = []
    for claim in app.volumes:
        present = [volume for volume in volumes if volume.name == claim.name]
        extend += [(volume, claim.size_gb) for volume in present if volume.size_gb < claim.size_gb]
        create += [claim] * (max(1, machines) - len(present))
    return VolumeChanges(tuple(create), tuple(extend))


def listed_by_app(found: OrganizationMachines, *, trusted: bool = True) -> Callable[[str], Listed]:
    """A lookup of an app's Machines in a listing, which is never trusted where regions are missing from it."""
    machines, trusted = by_app(found.machines), trusted and not found.missing_regions
    return lambda app: Listed(tuple(machines.get(app, ())), trusted)


def by_app(machines: Sequence[MachineView]) -> dict[str, list[MachineView]]:
    """The Machines of an organization by their app."""
    found: dict[str, list[MachineView]] = {}
    for machine in machines:
        found.setdefault(machine.app, []).append(machine)
    return found


def _live_secrets(settings: Settings, api: FlyApi, app: App, known: AppState) -> dict[str, str]:
    """Fly's digests by name; apps that have and had none are not asked, unless everything unknown must go."""
    if not (app.secrets or known.secrets or settings.unused_secrets == "all"):
        return {}
    return {secret.name: secret.digest for secret in api.secrets(app.name)}
