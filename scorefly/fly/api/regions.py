"""Fly's regions, and where Machines find room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from scorefly.fly.api.client import FlyClient
from scorefly.http import mapping, objects, text


class Regions(Struct, frozen=True):
    """The regions there are, and the one nearest to us."""

    nearest: str
    codes: tuple[str, ...]


class RegionCalls(FlyClient):
    """The calls about regions."""

    def regions(self) -> Regions:
        """Return where Fly is."""
        return self.read("GET", "/platform/regions", _regions)

    def placements(self, organization: str, region: str, count: int, guest: Mapping[str, Any]) -> dict[str, int]:
        """Simulate placing Machines; return how many of them each region takes. `region` may be `any`."""
        body = {"org_slug": organization, "region": region, "count": count, "compute": dict(guest)}
        return self.read("POST", "/platform/placements", _placements, json=body, repeat=True)


def _regions(data: Any) -> Regions:
    found = mapping(data)
    codes = tuple(text(each, "code") for each in objects(found.get("regions") or [], "regions"))
    return Regions(text(found, "nearest", ""), codes)


def _placements(data: Any) -> dict[str, int]:
    found = objects(mapping(data).get("regions") or [], "regions")
    return {text(each, "region"): int(each.get("count") or 0) for each in found}
