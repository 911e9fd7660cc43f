"""Compute what a stated number of Machines changes, and refuse what Fly cannot do, before anything is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct

from scorefly.config.settings import Settings
from scorefly.deployment.inspection import AppInspection
from scorefly.deployment.machine_counts import app_machines, compare_regions, count_by_group, mounted_names
from scorefly.deployment.volumes import refuse_last_copies, volumes_to_remove
from scorefly.fly.api import FlyApi
from scorefly.fly.api.volumes import VolumeView
from scorefly.fly.app import ANY_REGION, App, VolumeClaim
from scorefly.fly.machine_config import guest, size_text
from scorefly.fly.process_groups import DEFAULT_GROUP
from scorefly.problems import ExternalError, Problem, external_error


class ScalingVolumes(Struct, frozen=True):
    """Volumes that Machines are created with, each with its region, and volumes that go with the Machines removed."""

    create: tuple[tuple[VolumeClaim, str], ...] = ()
    remove: tuple[VolumeView, ...] = ()


def check_scaling(settings: Settings, api: FlyApi, app: App, inspection: AppInspection) -> ScalingVolumes:
    """Return what happens to volumes. Raise ExternalError where Machines do not fit, or the last data would be lost."""
    census = inspection.census
    if census.create:
        _refuse_full_regions(settings, api, app, inspection)
    if not (app.volumes or inspection.unused_volumes) or not (census.resizes or inspection.unused_volumes):
        return ScalingVolumes()
    volumes = api.volumes(app.name) if inspection.exists else ()
    leaving = volumes_to_remove(app, census, volumes, inspection.unused_volumes)
    refuse_last_copies(app, leaving, volumes, allowed=app.owner in settings.replace)
    free = Counter((each.name, each.region) for each in volumes if not each.machine)
    create = []
    # The deploy creates the first Machine of each process group, with its volume, where there is none yet.
    first = {group for group in app.counts if group not in count_by_group(app_machines(inspection.machines))}
    for placement in census.create:
        if placement.group in first and placement.region in (ANY_REGION, app.region):
            first.remove(placement.group)
            continue
        for claim in [each for each in app.volumes if each.name in mounted_names(app, placement.group)]:
            key = (claim.name, placement.region or app.region)
            if free[key]:
                free[key] -= 1
            else:
                create.append((claim, key[1]))
    return ScalingVolumes(tuple(create), leaving)


def removal_warnings(app: App, volumes: Sequence[VolumeView]) -> tuple[Problem, ...]:
    """Name the volumes that are removed with their data; there is another one of the same name."""
    if not volumes:
        return ()
    names = ", ".join(f"{each.name!r} ({each.id}, {each.size_gb} GB) in {each.region}" for each in volumes)
    return (
        Problem(
            f"{app.name}: removed with their Machines and their data: volume {names}",
            "Fly keeps their snapshots for some days: fly volumes snapshots list VOLUME, and fly volumes create "
            "--snapshot-id makes a volume of one",
            severity="warning",
        ),
    )


def scaling_reasons(app: App, inspection: AppInspection) -> Iterator[str]:
    """Say in which regions the number of Machines changes: `Machines in ams: 2 → 3`."""
    for group, region, now, stated in compare_regions(app, inspection.machines):
        if now != stated:
            of_group = f" of {group}" if group != DEFAULT_GROUP else ""
            yield f"Machines{of_group}{f' in {region}' if region else ''}: {now} → {stated}"
    if inspection.unused_volumes:
        yield f"volumes to remove: {', '.join(inspection.unused_volumes)}"


def _refuse_full_regions(settings: Settings, api: FlyApi, app: App, inspection: AppInspection) -> None:
    """Ask Fly to simulate placing the Machines; where it does not answer that, the deploy will tell."""
    compute, size = guest(app.config), size_text(app.config)
    for region, count in Counter(each.region for each in inspection.census.create if each.region).items():
        try:
            room = api.placements(settings.org, region, count, compute).get(region, 0)
            if room >= count:
                continue
            others = api.placements(settings.org, "any", count, compute)
        except ExternalError:
            return
        fitting = ", ".join(sorted(code for code, number in others.items() if number >= count)) or "no region"
        machines = f"{count} more {'Machine' if count == 1 else 'Machines'} of {app.name} ({size})"
        raise external_error(
            f"{machines} do not fit in region {region}, which takes {room}",
            f"state fewer or smaller Machines, or another region; as many fit in: {fitting}",
        )
