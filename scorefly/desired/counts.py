"""Compute how many Machines a workload should have, and in which regions.

The number comes from the section `workloads` of scorefly.yaml, else from the annotations `scorefly/count` and
`scorefly/regions`, else from a `horizontal-pod-autoscaler` resource.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.config.workloads import ALL_GROUPS, WorkloadConfig
from scorefly.convert.annotations import PREFIX
from scorefly.convert.read_annotations import read_annotations
from scorefly.desired.autoscaler import Autoscaler, read_autoscaler
from scorefly.desired.load import Loaded
from scorefly.fly.app import ANY_REGION, App
from scorefly.fly.process_groups import group_names
from scorefly.fly.regions import region_hint
from scorefly.problems import Place, Problem, nearest
from scorefly.score.workload import Workload
from scorefly.values import Tree

_CODE = re.compile(r"[a-z]{3}", re.ASCII)


class Scale(Struct, frozen=True):
    """The stated number of Machines of one workload, by process group, and by process group and region.

    The group `ALL_GROUPS` stands for every group that is not named. `region` is the primary region; empty where neither
    the settings nor `regions` have one. `places` are those of `count` and `regions`.
    """

    count: Mapping[str, int] = field(default_factory=dict)
    regions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    region: str = ""
    autoscaler: Autoscaler | None = None
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def codes(self) -> tuple[str, ...]:
        """The regions in the order in which they are written."""
        return tuple(dict.fromkeys(code for counts in self.regions.values() for code in counts))


def read_scale(
    settings: Settings,
    workload: Workload,
    loaded: Loaded,
    params: Mapping[str, Mapping[str, Tree]],
    problems: list[Problem],
) -> Scale:
    """Read what is stated about a workload; what contradicts itself is added to `problems`.

    `params` are the evaluated params of resources by uid.
    """
    config = settings.workloads.get(workload.name, WorkloadConfig())
    annotations = read_annotations(workload, [])
    autoscaler = read_autoscaler(workload, loaded, params, problems)
    of_all = annotations.get("regions")
    count = config.count or annotations.get("count", {})
    regions = config.regions or ({ALL_GROUPS: of_all} if of_all else {})
    places = {
        key: config.place(key) if getattr(config, key) else workload.place("metadata", "annotations", f"{PREFIX}{key}")
        for key in ("count", "regions")
    }
    if annotations.get("schedule"):
        problems += _of_a_schedule(places, [key for key, value in (("count", count), ("regions", regions)) if value])
        return Scale(region=settings.region)
    scale = Scale(count, regions, settings.region, autoscaler, places)
    explicit = annotations.get("region")
    if malformed := [code for code in scale.codes if not _CODE.fullmatch(code)]:
        problems += [
            Problem(f"Fly has no region {code!r}", region_hint(code), place_of_region(settings, workload, code))
            for code in malformed
        ]
        return Scale(region=settings.region)
    if not scale.codes:
        return scale
    if explicit and explicit not in scale.codes:
        hint = f"add {explicit} to regions, or remove the annotation {PREFIX}region"
        message = f"the primary region is {explicit}, and regions has no Machine there: {', '.join(scale.codes)}"
        problems.append(Problem(message, hint, places["regions"]))
    return replace(scale, region=settings.region if settings.region in scale.codes else scale.codes[0])


def with_counts(app: App, scale: Scale, problems: list[Problem]) -> App:
    """Return the app with its desired Machines by process group and region; contradictions are added to `problems`."""
    groups = group_names(app.config)
    problems += _unknown_groups(scale, groups)
    counts: dict[str, Mapping[str, int]] = {}
    for group in groups:
        regions = scale.regions.get(group, scale.regions.get(ALL_GROUPS, {}))
        count = scale.count.get(group, scale.count.get(ALL_GROUPS, 0))
        if regions and count and count != sum(regions.values()):
            of_group = f" of process group {group!r}" if len(groups) > 1 else ""
            problems.append(
                Problem(
                    f"count{of_group} is {count}, and regions ({scale.places['regions']}) come to "
                    f"{sum(regions.values())} Machines",
                    "state one of them, or make them equal for this environment in scorefly.yaml",
                    scale.places["count"],
                )
            )
        if not (regions or count) and scale.autoscaler:
            count = scale.autoscaler.machines(is_served(app))
        if regions or count:
            counts[group] = regions or {app.region or ANY_REGION: count}
    if scale.codes and app.region not in scale.codes:
        hint = "change primary_region in the overlay, or add the region to regions"
        message = f"the primary region of {app.name} is {app.region}, and regions has no Machine there"
        problems.append(Problem(message, hint, scale.places["regions"]))
    if scale.autoscaler:
        problems.append(scale.autoscaler.notice(is_served(app)))
    return replace(app, counts=counts)


def is_served(app: App) -> bool:
    """Decide whether Fly's proxy sends anything to the app, and so can start and stop its Machines."""
    return bool(app.config.get("http_service") or app.config.get("services"))


def place_of_region(settings: Settings, workload: Workload | None, region: str) -> Place | None:
    """Return where a region of a workload is stated: in scorefly.yaml or in an annotation; None where it is not."""
    if workload is None:
        return None
    config = settings.workloads.get(workload.name, WorkloadConfig())
    for group, counts in config.regions.items():
        if region in counts:
            return config.place("regions", *([group] if group != ALL_GROUPS else []), region)
    annotations = read_annotations(workload, [])
    stated: dict[str, Any] = {"region": {annotations.get("region")}, "regions": annotations.get("regions", {})}
    names = [
        name for name in ("regions", "region") if region in stated[name] and not (name == "regions" and config.regions)
    ]
    return workload.place("metadata", "annotations", f"{PREFIX}{names[0]}") if names else None


def _of_a_schedule(places: Mapping[str, Place], keys: list[str]) -> Iterator[Problem]:
    for key in keys:
        message = f"{key} is set for a workload with a schedule, which has one Machine that Fly starts when it is due"
        yield Problem(message, f"remove {key}, or the annotation {PREFIX}schedule", places[key])


def _unknown_groups(scale: Scale, groups: tuple[str, ...]) -> Iterator[Problem]:
    for key, stated in (("count", scale.count), ("regions", scale.regions)):
        for group in stated:
            if group not in (*groups, ALL_GROUPS):
                yield Problem(f"{key}: unknown process group {group!r}", nearest(group, groups), scale.places[key])
