"""Snapshots of volumes. One is begun by a call, and is there a moment later."""

from __future__ import annotations

import secrets

from scorefly.rehearsal.clock import now
from scorefly.rehearsal.world import World
from scorefly.rehearsal.world_file import Json


def create(world: World, app: str, volume: str) -> None:
    """Begin a snapshot; the answer is empty, as Fly's."""
    found = world.volume(app, volume)
    snapshot = {
        "id": f"vs_{secrets.token_hex(8)}",
        "status": "pending",
        "size": 0,
        "volume_size": found["size_gb"] << 30,
        "digest": secrets.token_hex(16),
        "created_at": now(),
        "retention_days": found["snapshot_retention"],
    }
    world.app(app).setdefault("snapshots", {}).setdefault(volume, []).append(snapshot)
    world.changed()


def listed(world: World, app: str, volume: str) -> list[Json]:
    """Return the snapshots of a volume. One that was just begun is listed as pending once."""
    world.volume(app, volume)
    kept: list[Json] = world.app(app).get("snapshots", {}).get(volume, [])
    answer = [dict(each) for each in kept]
    for each in kept:
        each["status"] = "created"
    world.changed()
    return answer
