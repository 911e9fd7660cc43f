"""The desired apps, checked against Fly's regions, with images by digest and the files that builders receive."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.desired.apps import DesiredApps, compute_desired_apps
from scorefly.desired.build_context import with_built_files
from scorefly.desired.load import Loaded
from scorefly.desired.moved_tags import resolve_tags
from scorefly.desired.regions import check_regions
from scorefly.fly.api import FlyApi
from scorefly.fly.registry import Registries
from scorefly.problems import Problem
from scorefly.report.progress import Progress
from scorefly.state.keeper import Keeper


def compute_resolved_apps(
    settings: Settings,
    loaded: Loaded,
    keeper: Keeper,
    progress: Progress,
    api: FlyApi,
    registries: Registries,
    warnings: Sequence[Problem],
) -> tuple[DesiredApps, list[Problem]]:
    """Compute what `deploy` makes and `plan` shows, with notices of tags that were not resolved. Raises InputError."""
    desired = compute_desired_apps(
        settings, loaded, keeper, progress, trial=settings.untrusted, warnings=warnings, api=api
    )
    check_regions(settings, loaded, desired.apps, api)
    desired, unresolved = resolve_tags(settings, loaded, desired, registries)
    return replace(desired, apps=with_built_files(settings, desired.apps)), unresolved
