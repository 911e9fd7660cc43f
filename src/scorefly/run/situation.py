"""How an app stands before anything is done to it: what `deploy` acts upon, and `plan` tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from scorefly.fly.api import AddressView, FlyApi, MachineView, VolumeView
from scorefly.fly.app import App, VolumeClaim
from scorefly.problems import OutsideError, failed
from scorefly.run.digest import METADATA_KEY, app_digest
from scorefly.run.ownership import STATE_KEY, not_ours, state_mark
from scorefly.run.secrets import SecretPlan, plan_secrets
from scorefly.run.settings import Settings
from scorefly.state.document import AppState, EnvironmentState, fingerprint


@dataclass(frozen=True, slots=True)
class Situation:
    """`prints` are the fingerprints of the wanted secrets, `digest` that of all that is wanted.

    `as_wanted` says that there is nothing to deploy; secrets may be there to be removed.
    """

    exists: bool = False
    machines: tuple[MachineView, ...] = ()
    prints: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    secrets: SecretPlan = field(default_factory=lambda: SecretPlan((), ()))
    as_wanted: bool = False


@dataclass(frozen=True, slots=True)
class VolumeChanges:
    """Volumes to make, one for every Machine that lacks it, and volumes to extend with the GB they are to have.

    `create` has each claim with its region. `detach` are volumes that Machines have and the app no longer claims:
    their Machines have to be replaced. `update` are volumes with other settings for snapshots. `shrink` are volumes
    that are larger than they are claimed to be, with the GB of the claim. `region` is where new Machines go; it may
    be unknown, and is empty then.
    """

    create: tuple[tuple[VolumeClaim, str], ...] = ()
    extend: tuple[tuple[VolumeView, int], ...] = ()
    detach: tuple[VolumeView, ...] = ()
    update: tuple[tuple[VolumeView, Mapping[str, int | bool]], ...] = ()
    shrink: tuple[tuple[VolumeView, int], ...] = ()
    region: str = ""


def look(
    settings: Settings, state: EnvironmentState, api: FlyApi, app: App, machines: Sequence[MachineView]
) -> Situation:
    """Looks at one app. `machines` are its own, from the listing of the organization.

    Raises OutsideError when an app of that name is not ours.
    """
    known = known_app(state, app)
    exists = bool(machines) or _exists(settings, api, app.name)
    if exists and (problem := not_ours(settings, api, app.name, machines, state, app.owner)):
        raise OutsideError(problem)
    prints = {name: fingerprint(state.seed, name, str(value.value)) for name, value in app.secrets.items()}
    digest = app_digest(settings, app, prints)
    secrets = plan_secrets(
        prints,
        known.secrets,
        _live_secrets(settings, api, app, known) if exists else {},
        unused=settings.unused_secrets,
        keep=settings.keep_secrets,
    )
    runs = bool(machines) and all(
        machine.metadata.get(METADATA_KEY) == digest
        and machine.metadata.get(STATE_KEY) in (None, state_mark(state))  # new-state leaves them another's
        for machine in machines
    )
    as_wanted = runs and not settings.force and not secrets.to_set
    return Situation(exists, tuple(machines), prints, digest, secrets, as_wanted)


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


def volume_changes(app: App, volumes: Sequence[VolumeView], machines: Sequence[MachineView]) -> VolumeChanges:
    """Compare the app's claims with its volumes: one for each Machine in the Machine's region, one at least."""
    claimed = {claim.name for claim in app.volumes}
    regions = [machine.region for machine in machines]
    regions += [volume.region for volume in volumes if volume.name in claimed]
    region = app.region or next(iter(regions), "")
    create: list[tuple[VolumeClaim, str]] = []
    extend: list[tuple[VolumeView, int]] = []
    update: list[tuple[VolumeView, Mapping[str, int | bool]]] = []
    shrink: list[tuple[VolumeView, int]] = []
    for claim in app.volumes:
        present = [volume for volume in volumes if volume.name == claim.name]
        extend += [(volume, claim.size_gb) for volume in present if volume.size_gb < claim.size_gb]
        shrink += [(volume, claim.size_gb) for volume in present if volume.size_gb > claim.size_gb and not claim.grows]
        for volume in present:
            changes = {key: value for key, value in claim.snapshots.items() if volume.snapshots.get(key) != value}
            update += [(volume, changes)] if changes else []
        here = Counter(machine.region for machine in machines) or Counter([region])
        there = Counter(volume.region for volume in present)
        create += [(claim, code) for code in sorted(here) for _ in range(here[code] - there[code])]
    detach = tuple(volume for volume in volumes if volume.machine and volume.name not in claimed)
    return VolumeChanges(tuple(create), tuple(extend), detach, tuple(update), tuple(shrink), region)


def by_app(machines: Sequence[MachineView]) -> dict[str, list[MachineView]]:
    """The Machines of an organization by their app."""
    found: dict[str, list[MachineView]] = {}
    for machine in machines:
        found.setdefault(machine.app, []).append(machine)
    return found


def _exists(settings: Settings, api: FlyApi, name: str) -> bool:
    """Decide whether there is an app of that name. Raises OutsideError when it is in another organization."""
    view = api.app(name)
    if view is None:
        return False
    # A personal organization has two slugs, so a different one is not enough.
    if view.organization not in ("", settings.org) and not api.org_has_app(settings.org, name):
        message = f"the app {name!r} is in organization {view.organization}, not in {settings.org}"
        raise failed(message, f"set org: {view.organization}, or choose another app-prefix or app-suffix")
    return True


def _live_secrets(settings: Settings, api: FlyApi, app: App, known: AppState) -> dict[str, str]:
    """Fly's digests by name; apps that have and had none are not asked, unless everything unknown must go."""
    if not (app.secrets or known.secrets or settings.unused_secrets == "all"):
        return {}
    return {secret.name: secret.digest for secret in api.secrets(app.name)}
