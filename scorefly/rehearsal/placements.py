"""Room for Machines: how many an organization may have in each region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorefly.rehearsal import rules
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import World
from scorefly.rehearsal.world_file import Json


def simulate(world: World, body: Mapping[str, Any]) -> Json:
    """Say how many of some Machines each region would take; without a count, as many as the organization may have."""
    organization = rules.a_text(body, "org_slug")
    if not organization:
        raise Refused(400, "org_slug is required")
    count = rules.whole_number(body.get("count") or 0, "count")
    desired = [code.strip() for code in (rules.a_text(body, "region") or "any").split(",")]
    codes = list(rules.REGIONS) if "any" in desired else [rules.region(code) for code in desired]
    rows = []
    for code in codes:
        room = max(0, world.room - world.machine_counts[organization, code])
        if room:
            rows.append({"region": code, "count": min(room, count) if count else room, "concurrency": 1})
    return {"regions": rows}


def require_room(world: World, app_name: str, region: str) -> None:
    """Refuse a Machine where its organization has as many in the region as it may."""
    organization = world.app(app_name)["organization"]["slug"]
    if world.machine_counts[organization, region] >= world.room:
        message = f"insufficient resources to create new machine in {region}: the limit is {world.room}"
        raise Refused(412, message, "insufficient_capacity")
