"""Refuses regions that Fly does not have, before anything is made there."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from scorefly.desired.load import Loaded
from scorefly.fly.api import FlyApi
from scorefly.fly.app import App
from scorefly.fly.regions import suggest_region
from scorefly.problems import InputError, Place, Problem, option_place
from scorefly.rehearsal.rules import REGIONS

ANNOTATION = "scorefly/region"


def check_regions(loaded: Loaded, apps: Sequence[App], api: FlyApi | None = None) -> None:
    """Raise InputError for apps in unknown regions. Fly is asked where the list that scorefly has is too short."""
    unknown = [app for app in apps if app.region and app.region not in REGIONS]
    codes: Collection[str] = api.regions().codes if api and unknown else REGIONS
    problems = [
        Problem(f"Fly has no region {app.region!r}", suggest_region(app.region, codes), _place(loaded, app))
        for app in unknown
        if app.region not in codes
    ]
    if problems:
        raise InputError(*dict.fromkeys(problems))


def _place(loaded: Loaded, app: App) -> Place:
    workload = next((each for each in loaded.workloads if each.name == app.workload), None)
    if workload and ANNOTATION in workload.annotations:
        return workload.place("metadata", "annotations", ANNOTATION)
    return option_place("region")
