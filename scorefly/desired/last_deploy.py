"""An app's last deploy: its image, and the volumes with its data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from msgspec import Struct, field

from scorefly.desired.managed_data import managed_data_in
from scorefly.fly.app import VolumeClaim
from scorefly.state.document import AppState, EnvironmentState, ResourceState
from scorefly.state.snapshot import unpack


class LastDeploy(Struct, frozen=True):
    """The image and volumes of an app, as they were deployed last, and the path of each volume."""

    image: str = ""
    volumes: tuple[VolumeClaim, ...] = ()
    paths: Mapping[str, str] = field(default_factory=dict)


@cache
def _last_deploy(packed: str) -> LastDeploy:
    import tomllib

    record = unpack(packed)
    try:
        config = tomllib.loads(record.texts.get("fly.toml", "")) if record else {}
    except tomllib.TOMLDecodeError:
        return LastDeploy()
    mounts = _mounts(config)
    claims = tuple(VolumeClaim(str(each.get("source", "")), _size(each.get("initial_size"))) for each in mounts)
    return LastDeploy(str((config.get("build") or {}).get("image", "")), claims, volume_paths(config))


def _mounts(config: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    mounts = config.get("mounts") or []
    return mounts if isinstance(mounts, list) else [mounts]


def volume_paths(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the path of each volume, as far as a fly.toml says it."""
    return {str(each.get("source", "")): str(each.get("destination", "")) for each in _mounts(config)}


def last_deploy(app: AppState | None) -> LastDeploy:
    """Return what was last deployed of an app, as far as it matters to its data."""
    return _last_deploy(app.record) if app and app.record else LastDeploy()


def data_of(state: EnvironmentState, resource: ResourceState) -> str:
    """Describe where a resource's data is, `app web-db (volume data, 3 GB)`; empty where it holds none on Fly."""
    names = sorted({*resource.apps, *(app.name for app in state.apps.values() if app.owner == resource.uid)})
    return ", ".join(filter(None, [*(data_in(state.apps.get(name)) for name in names), managed_data_in(resource)]))


def data_in(app: AppState | None) -> str:
    """Describe the volumes of an app that was deployed; empty where it has none."""
    volumes = last_deploy(app).volumes
    shown = ", ".join(f"volume {each.name}, {each.size_gb} GB" for each in volumes)
    return f"app {app.name} ({shown})" if app and shown else ""


def _size(text: object) -> int:
    digits = re.match(r"\d+", str(text or ""))
    return int(digits[0]) if digits else 1
