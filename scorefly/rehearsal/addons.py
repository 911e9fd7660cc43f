"""Simulated services of Fly's partners: buckets of Tigris, whose keys are in one answer only, and Upstash Redis.

A new one is pending until it was asked for twice.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from scorefly.rehearsal import rules
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import World
from scorefly.rehearsal.world_file import Json

PAY_AS_YOU_GO = "ekQ85Yjkw155ohQ5ALYq0M"
PLANS = {"Pay-as-you-go": PAY_AS_YOU_GO, "Fixed 250MB": "fixed-250mb", "Fixed 1GB": "fixed-1gb", "Starter": "starter"}
LEGACY = ("Starter",)
PENDING = 2  # answers that a new service is not ready


def listed(world: World, variables: Mapping[str, Any]) -> Json:
    """Return an organization with its services of one kind."""
    slug = str(variables.get("slug") or variables.get("orgSlug") or "")
    kind = str(variables.get("type") or variables.get("addOnType") or "")
    names = [name for name, each in _of(world, kind).items() if each["organization"] == f"org-{slug}"]
    return {"organization": {"id": f"org-{slug}", "addOns": {"nodes": [{"name": name} for name in names]}}}


def provider(_world: World, variables: Mapping[str, Any]) -> Json:
    """Return what Fly says of a partner."""
    name = str(variables.get("name"))
    if name not in ("tigris", "upstash_redis"):
        raise Refused(404, "Could not find AddOnProvider")
    excluded = [{"code": "jnb"}] if name == "upstash_redis" else []
    terms = "https://www.tigrisdata.com/docs/legal/tos/" if name == "tigris" else ""
    found = {"name": name, "asyncProvisioning": name == "tigris", "tosUrl": terms, "excludedRegions": excluded}
    return {"addOnProvider": found}


def plans(_world: World, variables: Mapping[str, Any]) -> Json:
    """Return the plans of Upstash Redis, with one that new databases do not get."""
    if variables.get("type") != "upstash_redis" and variables.get("addOnType") != "upstash_redis":
        return {"addOnPlans": {"nodes": []}}
    return {"addOnPlans": {"nodes": [{"id": id_, "displayName": name} for name, id_ in PLANS.items()]}}


def create(world: World, variables: Mapping[str, Any]) -> Json:
    """Create a service, and show its keys."""
    given = rules.an_object(variables, "input")
    kind, name, options = given.get("type"), str(given.get("name") or ""), rules.an_object(given, "options")
    if kind not in ("tigris", "upstash_redis"):
        raise Refused(422, "the rehearsal has no add-on of this type")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name):
        raise Refused(422, "Name is invalid")
    if name in _of(world, kind):
        raise Refused(422, "Name has already been taken")
    made: Json = {"organization": str(given.get("organizationId")), "asked": 0}
    shown: Json = {"name": name, "ssoLink": "", "primaryRegion": given.get("primaryRegion") or ""}
    if kind == "tigris":
        if "website" not in options:
            raise Refused(422, "options.website is missing")
        made["objects"] = 0
        shown["environment"] = {
            "AWS_ACCESS_KEY_ID": f"tid_{secrets.token_hex(10)}",
            "AWS_SECRET_ACCESS_KEY": f"tsec_{secrets.token_hex(20)}",
            "AWS_ENDPOINT_URL_S3": "https://fly.storage.tigris.dev",
            "AWS_REGION": "auto",
            "BUCKET_NAME": name,
        }
    else:
        plan, region = given.get("planId"), str(given.get("primaryRegion") or "")
        if plan not in PLANS.values() or plan in [PLANS[each] for each in LEGACY]:
            raise Refused(422, "Plan is not available")
        if region not in rules.REGIONS or region == "jnb":
            raise Refused(422, f"Region {region} is not available")
        if not isinstance(given.get("readRegions"), list):
            raise Refused(422, "readRegions is missing")
        made |= {"plan": plan, "region": region, "eviction": bool(options.get("eviction"))}
        made["url"] = f"redis://default:{secrets.token_hex(16)}@fly-{name}.upstash.io:6379"
        shown["publicUrl"] = made["url"]
    _of(world, kind)[name] = made
    world.changed()
    return {"createAddOn": {"addOn": shown}}


def get(world: World, variables: Mapping[str, Any]) -> Json:
    """Return a service; a new one is pending at first."""
    name, kind = str(variables.get("name") or ""), str(variables.get("provider") or "")
    found = _of(world, kind).get(name)
    if found is None:
        raise Refused(404, "Could not find AddOn")
    found["asked"] = int(found.get("asked", PENDING)) + 1
    status = str(found.get("status") or ("ready" if found["asked"] > PENDING else "pending"))
    url = found.get("url") if status == "ready" else None
    return {"addOn": {"name": name, "status": status, "errorMessage": found.get("error", ""), "publicUrl": url}}


def delete(world: World, variables: Mapping[str, Any]) -> Json:
    """Delete a service; a bucket has to be empty."""
    name, kind = str(variables.get("name") or ""), str(variables.get("provider") or "")
    found = _of(world, kind).get(name)
    if found is None:
        raise Refused(404, "Could not find AddOn")
    if found.get("objects"):
        raise Refused(422, f"bucket {name} is not empty")
    del _of(world, kind)[name]
    world.changed()
    return {"deleteAddOn": {"deletedAddOnName": name}}


def _of(world: World, kind: str) -> dict[str, Json]:
    found: dict[str, Json] = world.data.setdefault("buckets" if kind == "tigris" else kind, {})
    return found
