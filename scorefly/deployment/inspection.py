"""Inspects an app before anything is done to it: `deploy` acts on the result, and `plan` shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.deployment.digest import METADATA_KEY, app_digest, state_digest
from scorefly.deployment.machine_counts import (
    Census,
    app_machines,
    count_by_group,
    group_of,
    listed_as_complete,
    mounted_names,
    take_census,
)
from scorefly.deployment.ownership import OWNER_KEY, STATE_KEY, marks, not_ours
from scorefly.deployment.secrets import SecretPlan, plan_secrets
from scorefly.desired.build_context import all_built_files, built_files, other_built_files
from scorefly.fly.api import FlyApi
from scorefly.fly.api.apps import AppView
from scorefly.fly.api.errors import ForbiddenError
from scorefly.fly.api.machines import MachineView
from scorefly.fly.api.volumes import VolumeView
from scorefly.fly.app import App, VolumeClaim
from scorefly.fly.process_groups import group_names
from scorefly.problems import ExternalError, external_error
from scorefly.state.document import AppState, EnvironmentState, fingerprint
from scorefly.state.snapshot import Record, unpack


class AppInspection(Struct, frozen=True):
    """`fingerprints` are the fingerprints of the desired secrets, `digest` that of the whole desired app.

    `built` are the files that the image is built from, `others_built` those of further containers: see
    `desired/build_context.py`.

    `as_wanted` says that there is nothing to deploy; secrets may be there to be removed. `repair_only` says that every
    Machine has what is desired, and only their number or their state is not. `machines` are those of the listing where
    it was enough, else the app's own with their configurations. `unused_volumes` are the ids of volumes that an
    interrupted run was about to remove.
    """

    exists: bool = False
    machines: tuple[MachineView, ...] = ()
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    secrets: SecretPlan = field(default_factory=lambda: SecretPlan((), ()))
    up_to_date: bool = False
    repair_only: bool = False
    census: Census = field(default_factory=Census)
    built: Mapping[str, str] = field(default_factory=dict)
    others_built: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unused_volumes: tuple[str, ...] = ()
    unseen: bool = False

    @property
    def all_built(self) -> Mapping[str, str]:
        """The files that all images of the app are built from."""
        return all_built_files(self.built, self.others_built)


class VolumeChanges(Struct, frozen=True):
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


def inspect_app(
    settings: Settings,
    state: EnvironmentState,
    api: FlyApi,
    app: App,
    listed: Sequence[MachineView],
    *,
    trusted: bool = True,
) -> AppInspection:
    """Looks at one app. `listed` are its own Machines in a listing, which may be late.

    A `trusted` listing is believed where it says the same as state; else the app's own Machines are asked for. Raises
    ExternalError when an app of that name is not ours.
    """
    known = known_app(state, app)
    fingerprints = {name: fingerprint(state.seed, name, str(value.value)) for name, value in app.secrets.items()}
    built = app.built or built_files(settings, app)
    others_built = other_built_files(settings, app)
    digest = app_digest(settings, app, fingerprints, all_built_files(built, others_built))
    record = unpack(known.record) if app.counts or app.pinned or app.other_pins else None
    unused_volumes = record.removing if record and app.counts else ()
    moved = bool(moved_tags(record, app))
    finished = {METADATA_KEY: digest, **marks(settings, state, app.owner)}
    believed = (
        trusted
        and not settings.force
        and not moved
        and known.digest == state_digest(app, digest)
        and not unused_volumes
        and bool(listed)
        and all(finished.items() <= machine.metadata.items() for machine in listed)
        and listed_as_complete(app, settings.ha, listed)
    )
    try:
        machines = listed if believed else _own_machines(settings, api, app.name, listed)
    except ForbiddenError:
        if settings.force or not known.digest or known.digest != state_digest(app, digest):
            raise
        return AppInspection(
            True, (), fingerprints, digest, up_to_date=True, built=built, others_built=others_built, unseen=True
        )
    exists = machines is not None
    machines = machines or ()
    if exists and (problem := not_ours(settings, api, app.name, machines, state)):
        raise ExternalError(problem)
    secrets = plan_secrets(
        fingerprints,
        known.secrets,
        _live_secrets(settings, api, app, known) if exists else {},
        unused=settings.unused_secrets,
        keep=settings.keep_secrets,
    )
    census = Census() if believed else _census(settings, app, machines)
    all_machines = app_machines(machines)
    leaving = (*census.surplus, *census.remove)
    ours = [each for each in all_machines if each not in leaving] or all_machines
    current = bool(ours) and all(
        machine.metadata.get(METADATA_KEY) == digest
        and machine.metadata.get(STATE_KEY) in (None, finished[STATE_KEY])  # new-state leaves them another's
        for machine in ours
    )
    current = current and not (settings.force or moved or secrets.to_set)
    return AppInspection(
        exists=exists,
        machines=tuple(machines),
        fingerprints=fingerprints,
        digest=digest,
        secrets=secrets,
        up_to_date=current and census.complete and not unused_volumes,
        repair_only=current
        and not (census.complete and not unused_volumes)
        and {*census.missing, *(each.group for each in census.create)} <= count_by_group(all_machines).keys(),
        census=census,
        built=built,
        others_built=others_built,
        unused_volumes=unused_volumes,
    )


def moved_tags(record: Record | None, app: App) -> dict[str, str]:
    """Return the images whose tag had another digest when the app was deployed, with the digest that it has now."""
    if record is None:
        return {}
    others = app.other_images
    images = [(app.image, record.image, app.pinned)]
    images += [(others[name], record.images.get(name, ""), pin) for name, pin in app.other_pins.items()]
    digests = [(str(image), before.partition("@")[2], now.partition("@")[2]) for image, before, now in images]
    return {image: now for image, before, now in digests if before and now and before != now}


def _own_machines(
    settings: Settings, api: FlyApi, name: str, listed: Sequence[MachineView]
) -> Sequence[MachineView] | None:
    """The app's Machines as the app itself has them, or None where there is no such app."""
    if not listed and find_app(settings, api, name) is None:
        return None
    return api.find_machines(name)


def _is_known(machine: MachineView) -> bool:
    """Decide whether a run finished with the Machine, or at least marked it."""
    return OWNER_KEY in machine.metadata or METADATA_KEY in machine.metadata


def census_after(settings: Settings, app: App, machines: Sequence[MachineView], before: AppInspection) -> Census:
    """The census after a deploy. Where it replaced Machines, what it made beyond those that are needed is surplus."""
    if before.repair_only:
        return _census(settings, app, machines)
    left = {each.id for each in before.census.surplus}
    counted = count_by_group([each for each in app_machines(before.machines) if each.id not in left])
    return take_census(app, settings.ha, app_machines(machines), _is_known, counted)


def _census(settings: Settings, app: App, machines: Sequence[MachineView]) -> Census:
    return take_census(app, settings.ha, app_machines(machines), _is_known)


def known_app(state: EnvironmentState, app: App) -> AppState:
    """Return an app's state, updated with what this run desires."""
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


def volume_changes(app: App, volumes: Sequence[VolumeView], machines: Sequence[MachineView]) -> VolumeChanges:
    """Compare the app's claims with its volumes: one for each Machine that mounts it, in the Machine's region.

    A process group without Machines gets its first one, with its volume, in the app's region.
    """
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
        groups = [group for group in group_names(app.config) if claim.name in mounted_names(app, group)]
        here = Counter(machine.region for machine in machines if group_of(machine) in groups)
        here.update(region for group in groups if group not in map(group_of, machines))
        there = Counter(volume.region for volume in present)
        create += [(claim, code) for code in sorted(here) for _ in range(here[code] - there[code])]
    detach = tuple(volume for volume in volumes if volume.machine and volume.name not in claimed)
    return VolumeChanges(tuple(create), tuple(extend), detach, tuple(update), tuple(shrink), region)


def find_app(settings: Settings, api: FlyApi, name: str) -> AppView | None:
    """Return the app of that name, or None. Raises ExternalError when it is in another organization."""
    view = api.app(name)
    # A personal organization has two slugs, so a different one is not enough.
    if view and view.organization not in ("", settings.org) and name not in _apps_of(api, settings.org):
        message = f"the app {name!r} is in organization {view.organization}, not in {settings.org}"
        raise external_error(message, f"set org: {view.organization}, or choose another app-prefix or app-suffix")
    return view


def _apps_of(api: FlyApi, organization: str) -> frozenset[str]:
    """Return the names of an organization's apps; none where the token may not list them."""
    try:
        return api.org_apps(organization)
    except ForbiddenError:
        return frozenset()


def _live_secrets(settings: Settings, api: FlyApi, app: App, known: AppState) -> dict[str, str]:
    """Fly's digests by name; apps that have and had none are not asked, unless everything unknown must go."""
    if not (app.secrets or known.secrets or settings.unused_secrets == "all"):
        return {}
    return {secret.name: secret.digest for secret in api.secrets(app.name)}
