"""Simulated buckets of Tigris: their keys are in one answer only, and only an empty bucket can be deleted."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from scorefly.rehearsal import rules
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import Json, World


def listed(world: World, variables: Mapping[str, Any]) -> Json:
    """Return an organization with its buckets."""
    slug = str(variables.get("slug") or variables.get("orgSlug") or "")
    names = [name for name, each in _buckets(world).items() if each["organization"] == f"org-{slug}"]
    return {"organization": {"id": f"org-{slug}", "addOns": {"nodes": [{"name": name} for name in names]}}}


def create(world: World, variables: Mapping[str, Any]) -> Json:
    """Create a bucket, and show its keys."""
    given = rules.an_object(variables, "input")
    name, options = str(given.get("name") or ""), rules.an_object(given, "options")
    if given.get("type") != "tigris":
        raise Refused(422, "the rehearsal has no add-on of this type")
    if "website" not in options:
        raise Refused(422, "options.website is missing")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name):
        raise Refused(422, "Name is invalid")
    if name in _buckets(world):
        raise Refused(422, "Name has already been taken")
    _buckets(world)[name] = {"organization": str(given.get("organizationId")), "objects": 0}
    world.changed()
    environment = {
        "AWS_ACCESS_KEY_ID": f"tid_{secrets.token_hex(10)}",
        "AWS_SECRET_ACCESS_KEY": f"tsec_{secrets.token_hex(20)}",
        "AWS_ENDPOINT_URL_S3": "https://fly.storage.tigris.dev",
        "AWS_REGION": "auto",
        "BUCKET_NAME": name,
    }
    return {"createAddOn": {"addOn": {"name": name, "ssoLink": "", "primaryRegion": "", "environment": environment}}}


def delete(world: World, variables: Mapping[str, Any]) -> Json:
    """Delete an empty bucket."""
    name = str(variables.get("name") or "")
    bucket = _buckets(world).get(name)
    if bucket is None:
        raise Refused(404, "Could not find AddOn")
    if bucket["objects"]:
        raise Refused(422, f"bucket {name} is not empty")
    del _buckets(world)[name]
    world.changed()
    return {"deleteAddOn": {"deletedAddOnName": name}}


def _buckets(world: World) -> dict[str, Json]:
    found: dict[str, Json] = world.data.setdefault("buckets", {})
    return found
