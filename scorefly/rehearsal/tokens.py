"""The rights of a token in a rehearsal, by its name, as Fly refuses what a token is not for.

`app_NAME` is a deploy token of one app, `org_SLUG` a token of one organization, `expired_…` one whose time is over.
`fo1_…` is a personal access token. Any other may do everything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import World
from scorefly.rehearsal.world_file import Json

# A duration as Go writes it.
_DURATION = re.compile(r"(\d+(\.\d+)?(h|m|s))+", re.ASCII)
_APP_PATHS = ("/v1/apps", "/v1/orgs", "/api/v1/apps")


def authenticate(authorization: str) -> str:
    """Return the token of a header. Raises Refused where there is none that is valid."""
    if not re.fullmatch(r"(Bearer|FlyV1) \S+", authorization):
        raise Refused(401, "unauthenticated")
    token = authorization.rpartition(" ")[2]
    if token.startswith("expired_"):
        raise Refused(401, "unauthorized: token only valid until 2025-01-01 00:00:00 +0000 UTC")
    return token


def authorize(world: World, token: str, method: str, path: str, query: Mapping[str, str], body: Json) -> None:
    """Raise Refused where a token is for another app or organization."""
    if token.startswith("app_"):
        _authorize_app(token.removeprefix("app_"), path)
    elif token.startswith("org_"):
        _authorize_organization(world, token.removeprefix("org_"), method, path, query, body)


def current(world: World, token: str) -> Json:
    """Return what is known of a token. Only macaroons can be looked up: a personal access token is none."""
    if token.startswith("fo1_"):
        raise Refused(401, "no valid tokens found")
    if token.startswith("app_"):
        name = token.removeprefix("app_")
        return {"tokens": [_info(world.app(name)["organization"]["slug"], apps=[name])]}
    if token.startswith("org_"):
        return {"tokens": [_info(token.removeprefix("org_"))]}
    if token.startswith("fm2_") and world.organizations:
        return {"tokens": [_info(slug) for slug in sorted(world.organizations)]}
    slugs = {"personal", *(app["organization"]["slug"] for app in world.data["apps"].values()), *world.organizations}
    return {"tokens": [_info(slug, user="somebody") for slug in sorted(slugs)]}


def create(_world: World, variables: Mapping[str, Any]) -> Json:
    """Make a token of an organization."""
    organization, expiry = str(variables.get("organizationId") or ""), variables.get("expiry")
    if variables.get("profile") != "deploy_organization":
        raise Refused(422, "the rehearsal makes tokens of organizations only")
    if not variables.get("name") or not organization.startswith("org-"):
        raise Refused(422, "name and organizationId are required")
    if not isinstance(expiry, str) or (expiry and not _DURATION.fullmatch(expiry)):
        raise Refused(422, "expiry is not a duration")
    header = f"FlyV1 org_{organization.removeprefix('org-')}"
    return {"createLimitedAccessToken": {"limitedAccessToken": {"tokenHeader": header}}}


def _info(organization: str, **more: Any) -> Json:
    return {"token_id": f"token-{organization}", "org_slug": organization, "organization": organization, **more}


def _authorize_app(name: str, path: str) -> None:
    if "/postgres" in path:
        raise Refused(403, "unauthorized")
    if not path.startswith(_APP_PATHS):
        return
    if not any(path == own or path.startswith(f"{own}/") for own in (f"/v1/apps/{name}", f"/api/v1/apps/{name}")):
        raise Refused(403, "unauthorized")


def _authorize_organization(
    world: World, slug: str, method: str, path: str, query: Mapping[str, str], body: Json
) -> None:
    if match := re.match(r"/v1/orgs/([^/]+)", path):
        named = match[1]
    elif path == "/v1/apps":
        named = str(body.get("org_slug", "") if method == "POST" else query.get("org_slug", ""))
    elif match := re.match(r"(?:/api)?/v1/apps/([^/]+)", path):
        app = world.data["apps"].get(match[1])
        named = app["organization"]["slug"] if app else slug
    else:
        return
    if named != slug:
        raise Refused(403, "unauthorized")
