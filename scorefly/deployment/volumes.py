"""Volumes and regions of an app that runs: what a deploy changes about them, what it cannot, and what it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scorefly.deployment.inspection import VolumeChanges, volume_changes
from scorefly.deployment.machine_counts import Census, app_machines, group_of, is_standby
from scorefly.desired.data_risks import PREFIX
from scorefly.fly.api import FlyApi
from scorefly.fly.api.machines import MachineView
from scorefly.fly.api.volumes import VolumeView
from scorefly.fly.app import App, VolumeClaim
from scorefly.fly.machine_config import guest
from scorefly.problems import Problem, external_error


def plan_volumes(api: FlyApi, app: App, machines: Sequence[MachineView], *, exists: bool) -> VolumeChanges:
    """Compute what a deploy does with the app's volumes. Raises ExternalError where Fly cannot do what is desired.

    Standbys get none: they would start with one that is empty.
    """
    if not exists:
        return volume_changes(app, (), ())
    volumes = api.volumes(app.name)
    machines = [machine for machine in app_machines(machines) if not is_standby(machine)]
    if not app.counts and (problem := _region_problem(app, machines, volumes)):
        raise external_error(problem.message, problem.hint)
    return volume_changes(app, volumes, machines)


def volume_warnings(app: App, changes: VolumeChanges) -> tuple[Problem, ...]:
    """Name the volumes that lose their Machine, and those that stay larger than they are desired to be."""
    warnings = []
    for volume in changes.detach:
        new = f"the new volume {app.volumes[0].name!r}, which is empty" if app.volumes else "no volume"
        warnings.append(
            Problem(
                f"{app.name}: the Machine of volume {volume.name!r} ({volume.id}, {volume.size_gb} GB) is replaced by "
                f"one with {new}; the old volume keeps its data, is unused, and costs what it did",
                f"to use it again, name it {volume.name!r} in the Score file; to remove it with its data, run "
                f"fly volumes destroy {volume.id} -a {app.name}",
                severity="warning",
            )
        )
    for volume, size_gb in changes.shrink:
        warnings.append(
            Problem(
                f"{app.name}: volumes cannot shrink: {volume.name!r} ({volume.id}) stays at {volume.size_gb} GB, "
                f"not {size_gb} GB",
                f"set its size to {volume.size_gb} GB, or move the data to a new volume of another name",
                severity="warning",
            )
        )
    return tuple(warnings)


def creation_settings(app: App, claim: VolumeClaim) -> dict[str, Any]:
    """Return what the Machines API is told of a new volume: the Machine it is for, and its snapshots.

    Fly places the volume on a host that has room for that Machine.
    """
    image = {"compute_image": app.image} if isinstance(app.image, str) else {}
    return {**claim.snapshots, "compute": guest(app.config), **image, "require_unique_zone": True}


def misplaced_machines(app: App, machines: Sequence[MachineView]) -> tuple[MachineView, ...]:
    """Return the Machines to be moved to the app's region: all of them, where none is there.

    Process groups whose number of Machines is stated are not among them: their regions are stated too.
    """
    machines = tuple(machine for machine in app_machines(machines) if group_of(machine) not in app.counts)
    if not app.region or app.volumes or any(machine.region == app.region for machine in machines):
        return ()
    return machines


def volumes_to_remove(
    app: App, census: Census, volumes: Sequence[VolumeView], unused: Sequence[str] = ()
) -> tuple[VolumeView, ...]:
    """Return the volumes that go with the Machines that are removed, and those that an earlier run left.

    A volume that the app does not claim stays, whatever becomes of its Machine.
    """
    claimed, leaving = {claim.name for claim in app.volumes}, {machine.id for machine in census.remove}
    return tuple(
        volume
        for volume in volumes
        if (volume.machine in leaving and volume.name in claimed) or (volume.id in unused and not volume.machine)
    )


def refuse_last_copies(
    app: App, leaving: Sequence[VolumeView], volumes: Sequence[VolumeView], *, allowed: bool
) -> None:
    """Raise ExternalError when every volume of one name would be removed, and new ones would be empty."""
    gone = {volume.id for volume in leaving}
    for volume in leaving:
        copies = [each for each in volumes if each.name == volume.name]
        if allowed or any(each.id not in gone for each in copies):
            continue
        names = ", ".join(f"{each.id} in {each.region}, {each.size_gb} GB" for each in copies)
        regions = ", ".join(sorted({code for counts in app.counts.values() for code in counts}))
        raise external_error(
            f"{PREFIX}{app.name} would lose the last copy of volume {volume.name!r} ({names}): volumes cannot move, "
            f"and a new one in {regions or 'another region'} is empty",
            f"copy it first: fly volumes fork {volume.id} --region {regions.partition(',')[0]} -a {app.name}, then "
            f"deploy again; or keep a Machine in {volume.region}; or set replace to {app.owner!r} to go on with an "
            "empty one",
        )


def _region_problem(app: App, machines: Sequence[MachineView], volumes: Sequence[VolumeView]) -> Problem | None:
    """Report a region that the app's volumes are not in."""
    claimed = {claim.name for claim in app.volumes}
    there = [volume for volume in volumes if volume.name in claimed]
    regions = sorted({volume.region for volume in there} | {machine.region for machine in machines if claimed})
    if not app.region or not regions or app.region in regions:
        return None
    where = ", ".join(regions)
    kept = f"keep region {regions[0]} for it"
    if not there:
        return Problem(
            f"{app.name} runs in {where}, its region is now {app.region}, and it gets a volume",
            f"{kept}, or deploy the region first and the volume after that",
        )
    names = ", ".join(f"{volume.name!r} ({volume.id}, {volume.size_gb} GB)" for volume in there)
    return Problem(
        f"{app.name} has its volume {names} in {where}, and its region is now {app.region}: volumes cannot move",
        f"{kept} (annotation scorefly/region gives other workloads theirs), or copy it: "
        f"fly volumes fork {there[0].id} --region {app.region} -a {app.name}, then destroy the old Machine with "
        f"fly machine destroy --force -a {app.name}, and deploy again",
    )
