"""The GraphQL calls that flyctl still makes, told apart by what they ask for: most of them have no name.

Answers hold every field flyctl decodes; a field it did not ask for does no harm.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from scorefly.rehearsal import rules
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import Json, World

Variables = Mapping[str, Any]


def answer(world: World, body: Mapping[str, Any]) -> Json:
    """The answer to one request: `data`, or `errors` as GraphQL has them."""
    query, variables = str(body.get("query", "")), body.get("variables") or {}
    try:
        return {"data": _resolver(query)(world, variables)}
    except Refused as refused:
        code = {404: "NOT_FOUND", 403: "UNAUTHORIZED"}.get(refused.http, "UNPROCESSABLE")
        return {"data": None, "errors": [{"message": refused.body["error"], "extensions": {"code": code}}]}


def _resolver(query: str) -> Callable[[World, Variables], Json]:
    for pattern, resolve in _RESOLVERS:
        if pattern.search(query):
            return resolve
    raise Refused(400, f"the rehearsal does not know this query: {' '.join(query.split())[:120]}")


def _organization(slug: str) -> Json:
    return {
        "id": f"org-{slug}",
        "internalNumericId": "1",
        "slug": slug,
        "rawSlug": slug,
        "name": slug,
        "type": "PERSONAL" if slug == "personal" else "SHARED",
        "paidPlan": True,
        "billable": True,
        "viewerRole": "admin",
        "provisionsBetaExtensions": False,
        "limitedAccess": [],
        "addOns": {"nodes": []},
        "settings": {},
        "domains": {"nodes": []},
        "delegatedWireGuardTokens": {"nodes": []},
        "wireGuardPeers": {"nodes": []},
    }


def _app(world: World, variables: Variables) -> Json:
    """An app with everything flyctl may decode of one."""
    name = str(variables.get("name") or variables.get("appName") or variables.get("appId") or "")
    app = world.app(name)
    release = app["releases"][-1] if app["releases"] else None
    return {
        "id": name,
        "internalNumericId": app["internal_numeric_id"],
        "name": name,
        "hostname": f"{name}.fly.dev",
        "deployed": bool(app["machines"]),
        "status": app["status"],
        "version": release["version"] if release else 0,
        "appUrl": f"https://{name}.fly.dev",
        "platformVersion": "machines",
        "network": app["network"],
        "networkId": 1,
        "cnameTarget": f"{name}.fly.dev",
        "organization": _organization(app["organization"]["slug"]),
        "ipAddresses": {"nodes": [_address(each) for each in app["addresses"] if not each["shared"]]},
        "sharedIpAddress": next((each["ip"] for each in app["addresses"] if each["shared"]), None),
        "egressIpAddresses": {"nodes": []},
        "services": [],
        "machines": {"nodes": []},
        "secrets": [
            {"name": each["name"], "digest": each["digest"], "createdAt": each["created_at"]}
            for each in world.secrets(name)
        ],
        "currentRelease": {"version": release["version"]} if release else None,
        "currentReleaseUnprocessed": _release(release) if release else None,
        "latestImageDetails": None,
        "imageDetails": None,
        "imageUpgradeAvailable": False,
    }


def _secret(secret: Json) -> Json:
    return {"name": secret["name"], "digest": secret["digest"], "createdAt": secret["created_at"]}


def _release(release: Json) -> Json:
    return {
        "id": release["id"],
        "version": release["version"],
        "configDefinition": release["definition"],
        "imageRef": release["image"],
        "status": release["status"],
        "stable": True,
        "createdAt": release["created_at"],
    }


def _address(address: Json) -> Json:
    kind = "v6" if ":" in address["ip"] else "v4"
    if address["ip"].startswith("fdaa"):
        kind = "private_v6"
    return {
        "id": f"ip-{address['ip']}",
        "address": address["ip"],
        "type": kind,
        "region": address["region"],
        "createdAt": address["created_at"],
        "network": None,
        "serviceName": None,
    }


def _image(world: World, variables: Variables) -> Json:
    """An image by its reference: all there are, but those that are said to be missing."""
    name = str(variables.get("appName") or variables.get("name"))
    world.app(name)
    reference = str(variables.get("imageRef") or variables.get("ref") or "")
    if reference.startswith("rehearsal.invalid/missing"):
        return {"app": {"id": name, "image": None}}
    digest = f"sha256:{hashlib.sha256(reference.encode()).hexdigest()}"
    image = {
        "id": f"img-{digest[7:19]}",
        "digest": digest,
        "ref": reference,
        "compressedSize": "1000000",
        "manifest": {},
    }
    return {"app": {"id": name, "image": image}}


def _allocate(world: World, variables: Variables) -> Json:
    given = variables.get("input") or {}
    name = str(given.get("appId"))
    address = world.assign_address(name, {"type": given.get("type")})
    return {
        "allocateIpAddress": {
            "app": {"sharedIpAddress": address["ip"] if address["shared"] else None},
            "ipAddress": None if address["shared"] else _address(address),
        }
    }


def _organizations(world: World, _variables: Variables) -> Json:
    """Those the rehearsal's apps are in, and the one everybody has."""
    slugs = {"personal", *(app["organization"]["slug"] for app in world.data["apps"].values()), *world.organizations}
    return {"organizations": {"nodes": [_organization(slug) for slug in sorted(slugs)]}}


def _platform(_world: World, _variables: Variables) -> Json:
    always = {"gatewayAvailable": True, "requiresPaidPlan": False, "deprecated": False}
    places = {"latitude": 0.0, "longitude": 0.0}
    regions = [{"code": code, "name": name, **places, **always} for code, name in rules.REGIONS.items()]
    return {"platform": {"requestRegion": rules.NEAREST, "regions": regions, "vmSizes": []}}


def _apps(world: World, _variables: Variables) -> Json:
    nodes = [_app(world, {"name": name}) for name in sorted(world.data["apps"])]
    return {"apps": {"pageInfo": {"hasNextPage": False, "endCursor": ""}, "nodes": nodes}}


def _one_app(world: World, variables: Variables) -> Json:
    app = _app(world, variables)
    return {"app": app, "appcompact": app, "appbasic": app}


def _one_organization(world: World, variables: Variables) -> Json:
    del world
    found = _organization(str(variables.get("slug") or variables.get("orgSlug") or "personal"))
    return {"organization": found, "organizationDetails": found}


# The first that is found in the text decides: what asks for less stands further down.
_RESOLVERS: tuple[tuple[re.Pattern[str], Callable[[World, Variables], Json]], ...] = tuple(
    (re.compile(pattern), resolve)
    for pattern, resolve in (
        (r"allocateIpAddress", _allocate),
        (r"image\s*\(", _image),
        (r"canPerformBluegreenDeployment", lambda _world, _variables: {"canPerformBluegreenDeployment": True}),
        (r"organizations\s*\(|organizations\s*\{", _organizations),
        (r"\bapps\s*\(", _apps),
        (r"\bplatform\s*\{", _platform),
        (r"organization\s*\(", _one_organization),
        (r"\bapp\s*\(", _one_app),
        (r"\bviewer\b", lambda _world, _variables: {"viewer": {"id": "user", "email": "somebody@example.com"}}),
    )
)
