"""Refuses regions that Fly does not have, before anything is made there."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from scorefly.config.settings import Settings
from scorefly.desired.counts import place_of_region
from scorefly.desired.load import Loaded
from scorefly.fly.api import FlyApi
from scorefly.fly.app import App
from scorefly.fly.regions import region_hint
from scorefly.problems import InputError, Place, Problem, option_place
from scorefly.rehearsal.rules import REGIONS


def check_regions(settings: Settings, loaded: Loaded, apps: Sequence[App], api: FlyApi | None = None) -> None:
    """Raise InputError for apps in unknown regions. Fly is asked where the list that scorefly has is too short."""
    unknown = [(app, region) for app in apps for region in _regions(app) if region not in REGIONS]
    codes: Collection[str] = api.regions().codes if api and unknown else REGIONS
    problems = [
        Problem(f"Fly has no region {region!r}", region_hint(region, codes), _place(settings, loaded, app, region))
        for app, region in unknown
        if region not in codes
    ]
    if problems:
        raise InputError(*dict.fromkeys(problems))


def _regions(app: App) -> list[str]:
    """Return the regions that an app is to have Machines in, its primary one first."""
    return [
        each for each in dict.fromkeys((app.region, *(each for one in app.counts.values() for each in one))) if each
    ]


def _place(settings: Settings, loaded: Loaded, app: App, region: str) -> Place:
    workload = next((each for each in loaded.workloads if each.name == app.workload), None)
    return place_of_region(settings, workload, region) or option_place("region")
