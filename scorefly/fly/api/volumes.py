"""Volumes and their snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from scorefly.fly.api.client import LEAVING, FlyClient
from scorefly.fly.api.errors import ForbiddenError, RefusedError
from scorefly.http import mapping, objects, text

_DETACHING = (0.1, 0.5, 1.0, 2.0, 3.0)  # seconds between attempts to destroy a volume
_SNAPSHOT_SETTINGS = ("snapshot_retention", "auto_backup_enabled")


class VolumeView(Struct, frozen=True):
    """A volume; `machine` is the Machine it is attached to, or empty. `snapshots` are its settings for snapshots."""

    id: str
    name: str
    region: str
    size_gb: int
    machine: str
    app: str
    snapshots: Mapping[str, int | bool] = field(default_factory=dict)


class VolumeCalls(FlyClient):
    """The calls about volumes and snapshots."""

    def org_volumes(self, organization: str) -> tuple[VolumeView, ...]:
        """All volumes of the organization by id, without those on their way out."""
        found = self.pages(f"/orgs/{organization}/volumes", "volumes")
        volumes = (_volume(each, text(each, "app_name", "")) for each in found if each.get("state") not in LEAVING)
        return tuple(sorted(volumes, key=lambda volume: volume.id))

    def volumes(self, app: str) -> tuple[VolumeView, ...]:
        """The app's volumes by id."""
        return self.read(
            "GET",
            f"/apps/{app}/volumes",
            lambda data: tuple(sorted((_volume(each, app) for each in objects(data)), key=lambda volume: volume.id)),
        )

    def create_volume(
        self, app: str, name: str, region: str, size_gb: int, settings: Mapping[str, Any] | None = None
    ) -> VolumeView:
        """Makes a volume. Never repeated: there may be several of one name.

        `settings` are more keys of the request: what runs with the volume, and how it is kept.
        """
        body = {"name": name, "region": region, "size_gb": size_gb, "encrypted": True, **(settings or {})}
        return self.read("POST", f"/apps/{app}/volumes", lambda data: _volume(data, app), json=body)

    def update_volume(self, app: str, volume: str, settings: Mapping[str, int | bool]) -> None:
        """Change a volume's settings for snapshots."""
        self.call("PUT", f"/apps/{app}/volumes/{volume}", json=dict(settings))

    def extend_volume(self, app: str, volume: str, size_gb: int) -> None:
        """Makes a volume larger."""
        self.call("PUT", f"/apps/{app}/volumes/{volume}/extend", json={"size_gb": size_gb})

    def create_snapshot(self, app: str, volume: str) -> None:
        """Begin a snapshot of a volume. Fly's answer does not name it."""
        self.call("POST", f"/apps/{app}/volumes/{volume}/snapshots")

    def snapshots(self, app: str, volume: str) -> Mapping[str, str]:
        """Return the status of each snapshot of a volume, by id; `created` is a finished one's."""

        def read(data: Any) -> Mapping[str, str]:
            return {text(each, "id"): text(each, "status", "") for each in objects(data or [])}

        return self.read("GET", f"/apps/{app}/volumes/{volume}/snapshots", read)

    def delete_volume(self, app: str, volume: str) -> None:
        """Destroy a volume with its data; one that is gone is fine.

        Fly refuses for some seconds after the volume's Machine was destroyed.
        """
        for delay in _DETACHING:
            try:
                self.delete(f"/apps/{app}/volumes/{volume}")
            except ForbiddenError:
                raise
            except RefusedError:
                self.sleep(delay)
            else:
                return
        self.delete(f"/apps/{app}/volumes/{volume}")


def _volume(data: Any, app: str) -> VolumeView:
    data = mapping(data)
    return VolumeView(
        text(data, "id"),
        text(data, "name"),
        text(data, "region", ""),
        int(data.get("size_gb") or 0),
        text(data, "attached_machine_id", ""),
        app,
        {key: data[key] for key in _SNAPSHOT_SETTINGS if isinstance(data.get(key), int)},
    )
