"""Volumes of Machines that a deploy updates: what flyctl refuses, keeps, and attaches.

Source: flyctl's `validateVolumeConfig` in `deploy/machines.go`, and `deploy/machines_launchinput.go`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scorefly.fly.api.machines import MachineView
from scorefly.fly.api.volumes import VolumeView
from scorefly.fly.machine_config import tables
from scorefly.fly.process_groups import DEFAULT_GROUP
from scorefly.problems import external_error

_KEPT_EXTENSION = ("extend_threshold_percent", "add_size_gb", "size_gb_limit")


def check_mounts(
    toml: Mapping[str, Any], machines: Sequence[MachineView], volumes: Sequence[VolumeView], group: str
) -> None:
    """Raise ExternalError where flyctl would not begin: a volume taken away, renamed, or missing in a region."""
    source = next((mount["source"] for mount in tables(toml, "mounts")), "")
    needed: Counter[str] = Counter()
    for machine in machines:
        mounted = next(iter(machine.config.get("mounts") or ()), None)
        if mounted and not source:
            raise external_error(
                f"machine {machine.id} has a volume mounted but app config does not specify a volume: "
                "yes flag must be specified when not running interactively"
            )
        if mounted and mounted.get("name") not in (None, "", source):
            raise external_error(
                f"machine {machine.id} can't update the attached volume {mounted.get('volume')} "
                f"with name {mounted.get('name')!r} by {source!r}"
            )
        if source and not mounted:
            needed[machine.region] += 1
    free = Counter(each.region for each in volumes if each.name == source and not each.machine)
    missing = sorted(f"{region}={count - free[region]}" for region, count in needed.items() if count > free[region])
    if missing:
        raise external_error(f"process group {group!r} needs volumes with name {source!r} in: {' '.join(missing)}")


def attach_volumes(
    config: dict[str, Any],
    current: Mapping[str, Any],
    volumes: Sequence[VolumeView],
    region: str,
    taken: set[str],
    group: str = DEFAULT_GROUP,
) -> str | None:
    """Complete the mount of `config`; return the volume's id where it is another one than the Machine has.

    `taken` are the ids of volumes that were given to other Machines of this deploy.
    """
    mount = next(iter(config.get("mounts") or ()), None)
    if mount is None:
        return None
    before = next(iter(current.get("mounts") or ()), None)
    if before:
        extension = {key: mount[key] for key in _KEPT_EXTENSION if key in mount}
        kept = {key: value for key, value in before.items() if key not in _KEPT_EXTENSION}
        config["mounts"] = [{**kept, "path": mount["path"], **extension}]
        return None
    free = [
        each
        for each in volumes
        if each.name == mount["name"] and not each.machine and each.id not in taken and region in ("", each.region)
    ]
    if not free:
        raise external_error(
            f"New machine in group {group!r} needs an unattached volume named {mount['name']!r} in region {region!r}",
            "run deploy again",
        )
    taken.add(free[0].id)
    mount["volume"] = free[0].id
    return free[0].id
