"""The GraphQL calls that flyctl still makes, told apart by what they ask for: most of them have no name.

Answers hold every field flyctl decodes; a field it did not ask for does no harm.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from scorefly.rehearsal import addons, fates, rules, tokens
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import World
from scorefly.rehearsal.world_file import Json

Variables = Mapping[str, Any]

_USER = {"id": "user", "email": "somebody@example.com", "name": "somebody"}


def answer(world: World, body: Mapping[str, Any]) -> Json:
    """The answer to one request: `data`, or `errors` as GraphQL has them."""
    query = str(body.get("query", ""))
    try:
        return {"data": _resolver(query)(world, rules.an_object(body, "variables"))}
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
        "cnameTarget": f"{app['id'][:7]}.{name}.fly.dev",
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
        "releases": {"nodes": [_release(each) for each in reversed(app["releases"])][: _limit(variables)]},
        "latestImageDetails": None,
        "imageDetails": None,
        "imageUpgradeAvailable": False,
    }


def _limit(variables: Variables) -> int | None:
    return rules.whole_number(variables["limit"], "limit") if variables.get("limit") is not None else None


def _secret(secret: Json) -> Json:
    return {"name": secret["name"], "digest": secret["digest"], "createdAt": secret["created_at"]}


def _release(release: Json) -> Json:
    return {
        "id": release["id"],
        "version": release["version"],
        "configDefinition": release["definition"],
        "description": f"Release by {_USER['email']}",
        "user": _USER,
        "imageRef": release["image"],
        "status": release["status"],
        "stable": True,
        "createdAt": release["created_at"],
    }


def _address(address: Json) -> Json:
    kind = "private_v6" if address["ip"].startswith("fdaa") else "v6" if ":" in address["ip"] else "v4"
    return {
        "id": f"ip-{address['ip']}",
        "address": address["ip"],
        "type": kind,
        "region": address["region"],
        "createdAt": address["created_at"],
        "network": {"name": address["network"], "organization": None} if kind == "private_v6" else None,
        "serviceName": address["service_name"],
    }


def _image(world: World, variables: Variables) -> Json:
    """An image by its reference: all there are, but those that are said to be missing."""
    name = str(variables.get("appName") or variables.get("name"))
    world.app(name)
    reference = str(variables.get("imageRef") or variables.get("ref") or "")
    if fates.is_missing(reference) or not _is_found(world, reference):
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


def _is_found(world: World, reference: str) -> bool:
    """Report whether Fly finds an image of the rehearsal's own registry; others are all there."""
    host, _, rest = reference.partition("/")
    if host != world.registry_host:
        return True
    repository, separator, digest = rest.partition("@")
    repository, _, tag = repository.partition(":")
    return world.images.finds(repository, digest if separator else tag or "latest")


def _allocate(world: World, variables: Variables) -> Json:
    given = rules.an_object(variables, "input")
    name = str(given.get("appId"))
    address = world.assign_address(name, {**given, "service_name": given.get("serviceName")})
    return {
        "allocateIpAddress": {
            "app": {"sharedIpAddress": address["ip"] if address["shared"] else None},
            "ipAddress": None if address["shared"] else _address(address),
        }
    }


def _release_address(world: World, variables: Variables) -> Json:
    given = rules.an_object(variables, "input")
    world.release_address(str(given.get("appId")), str(given.get("ip")))
    return {"releaseIpAddress": {"clientMutationId": None}}


def _latest_image(_world: World, _variables: Variables) -> Json:
    """Fly knows newer versions of its own images alone."""
    raise Refused(404, "Unknown repository")


def _no_network(_world: World, _variables: Variables) -> Json:
    """Return what flyctl wants a private network for, it does another way when it cannot have one."""
    raise Refused(422, "the rehearsal has no private network")


def _no_builder(_world: World, _variables: Variables) -> Json:
    raise Refused(422, rules.NO_BUILDER)


def _organizations(world: World, _variables: Variables) -> Json:
    """Those the rehearsal's apps are in, and the one everybody has."""
    slugs = {"personal", *(app["organization"]["slug"] for app in world.data["apps"].values()), *world.organizations}
    return {"organizations": {"nodes": [_organization(slug) for slug in sorted(slugs)]}}


def _platform(_world: World, _variables: Variables) -> Json:
    always = {"gatewayAvailable": True, "requiresPaidPlan": False, "deprecated": False}
    places = {"latitude": 0.0, "longitude": 0.0}
    regions = [{"code": code, "name": name, **places, **always} for code, name in rules.REGIONS.items()]
    return {"platform": {"requestRegion": rules.NEAREST, "regions": regions, "vmSizes": []}}


def _apps(world: World, variables: Variables) -> Json:
    desired = variables.get("org")
    nodes = [
        _app(world, {"name": name})
        for name, app in sorted(world.data["apps"].items())
        if desired in (None, f"org-{app['organization']['slug']}") and variables.get("role") in (None, app["app_role"])
    ]
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
        (r"OrganizationAddOns", addons.listed),
        (r"addOnProvider\s*\(", addons.provider),
        (r"addOnPlans\s*\(", addons.plans),
        (r"createAddOn", addons.create),
        (r"deleteAddOn", addons.delete),
        (r"createLimitedAccessToken", tokens.create),
        (r"\baddOn\s*\(", addons.get),
        (r"allocateIpAddress", _allocate),
        (r"releaseIpAddress", _release_address),
        (r"latestImageDetails", _latest_image),
        (r"WireGuardPeer", _no_network),
        (r"RemoteBuilder\s*\(", _no_builder),
        (r"image\s*\(", _image),
        (r"canPerformBluegreenDeployment", lambda _world, _variables: {"canPerformBluegreenDeployment": True}),
        (r"organizations\s*\(|organizations\s*\{", _organizations),
        (r"\bapps\s*\(", _apps),
        (r"\bplatform\s*\{", _platform),
        (r"organization\s*\(", _one_organization),
        (r"\bapp\s*\(", _one_app),
        (r"\bviewer\b", lambda _world, _variables: {"viewer": _USER}),
    )
)
