"""The desired apps, checked against Fly's regions, with images by digest and the files that builders receive."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from scorefly.desired.apps import DesiredApps, compute_desired_apps
from scorefly.desired.build_context import with_built_files
from scorefly.desired.load import Loaded
from scorefly.desired.moved_tags import resolve_tags
from scorefly.desired.regions import check_regions
from scorefly.fly.api import FlyApi
from scorefly.fly.registry import Registries
from scorefly.problems import Problem
from scorefly.run import Run


def compute_resolved_apps(
    run: Run,
    loaded: Loaded,
    api: FlyApi,
    registries: Registries,
    warnings: Sequence[Problem],
) -> tuple[DesiredApps, list[Problem]]:
    """Compute what `deploy` makes and `plan` shows, with notices of tags that were not resolved. Raises InputError."""
    desired = compute_desired_apps(run, loaded, trial=run.settings.untrusted, warnings=warnings, api=api)
    check_regions(run.settings, loaded, desired.apps, api)
    desired, unresolved = resolve_tags(run.settings, loaded, desired, registries)
    return replace(desired, apps=with_built_files(run.settings, desired.apps)), unresolved
