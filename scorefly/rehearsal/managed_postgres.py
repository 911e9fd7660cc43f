"""Simulated Fly Managed Postgres. A new cluster takes a while; until then it has no users and no databases."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from scorefly.rehearsal.clock import now
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import World
from scorefly.rehearsal.world_file import Json

PLANS = ("basic", "starter", "launch", "scale", "Performance")
REGIONS = ("ams", "fra", "gru", "iad", "lax", "lhr", "nrt", "ord", "sin", "sjc", "syd", "yyz")
_LOOKS = 2  # until a new cluster is ready
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}", re.ASCII)
_ROLES = ("schema_admin", "writer", "reader")


def listed(world: World, org: str) -> Json:
    """Return the clusters of an organization."""
    return {"data": [_shown(each) for each in _clusters(world).values() if each["org"] == org]}


def regions() -> Json:
    """Return the regions that have clusters."""
    return {"data": [{"code": code, "available": True} for code in REGIONS]}


def create(world: World, org: str, body: Mapping[str, Any]) -> Json:
    """Begin a new cluster."""
    name, size = body.get("name"), body.get("storage_in_gb")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
        raise Refused(422, "name is invalid")
    if body.get("plan") not in PLANS:
        raise Refused(422, f"plan {body.get('plan')!r} is invalid")
    if body.get("region") not in REGIONS:
        raise Refused(422, f"region {body.get('region')!r} is not available")
    if body.get("pg_major_version") not in ("16", "17"):
        raise Refused(422, "pg_major_version is invalid")
    if not isinstance(size, int) or not 1 <= size <= 500:
        raise Refused(422, "storage_in_gb must be between 1 and 500")
    cluster = {
        "id": secrets.token_hex(8),
        "name": name,
        "org": org,
        "plan": body["plan"],
        "region": body["region"],
        "disk": size,
        "looks": _LOOKS,
        "password": secrets.token_hex(12),
        "databases": ["fly-db"],
        "users": {"fly-user": {"role": "schema_admin", "password": secrets.token_hex(12)}},
        "created_at": now(),
    }
    _clusters(world)[cluster["id"]] = cluster
    world.changed()
    return {"ok": True, "errors": {"detail": ""}, "data": _shown(cluster)}


def shown(world: World, cluster: str) -> Json:
    """Return a cluster with its credentials; every look brings it nearer to being ready."""
    found = _find(world, cluster)
    answer = {"data": _shown(found), "credentials": {"status": "initializing"}}
    if not found["looks"]:
        user = found["users"]["fly-user"]
        url = f"postgresql://fly-user:{user['password']}@pgbouncer.{cluster}.flympg.net/fly-db"
        named = {"user": "fly-user", "password": user["password"], "dbname": "fly-db"}
        answer["credentials"] = {"status": "ready", "pgbouncer_uri": url, **named}
    found["looks"] = max(0, found["looks"] - 1)
    world.changed()
    return answer


def databases(world: World, cluster: str) -> Json:
    """Return the databases of a cluster."""
    return {"data": [{"name": name} for name in _ready(world, cluster)["databases"]]}


def create_database(world: World, cluster: str, body: Mapping[str, Any]) -> Json:
    """Create a database, which no call removes."""
    found, name = _ready(world, cluster), _name(body.get("name"))
    if name in found["databases"]:
        raise Refused(422, f"database {name!r} already exists")
    found["databases"].append(name)
    world.changed()
    return {"data": {"name": name}}


def users(world: World, cluster: str) -> Json:
    """Return the users of a cluster."""
    found = _ready(world, cluster)
    return {"data": [{"name": name, "role": each["role"]} for name, each in found["users"].items()]}


def create_user(world: World, cluster: str, body: Mapping[str, Any]) -> Json:
    """Create a user with a password of Fly's."""
    found, name = _ready(world, cluster), _name(body.get("username"))
    if name in found["users"]:
        raise Refused(422, f"user {name!r} already exists")
    if body.get("role") not in _ROLES:
        raise Refused(422, "role is invalid")
    found["users"][name] = {"role": body["role"], "password": secrets.token_hex(12)}
    world.changed()
    return {"data": {"name": name, "role": body["role"]}}


def credentials(world: World, cluster: str, user: str) -> Json:
    """Return a user's password."""
    return {"data": {"username": user, "password": _user(_ready(world, cluster), user)["password"]}}


def delete_user(world: World, cluster: str, user: str) -> None:
    """Delete a user."""
    found = _ready(world, cluster)
    _user(found, user)
    del found["users"][user]
    world.changed()


def destroy(world: World, org: str, cluster: str) -> None:
    """Destroy a cluster with all it has."""
    if _find(world, cluster)["org"] != org:
        raise Refused(404, "cluster not found")
    del _clusters(world)[cluster]
    world.changed()


def _clusters(world: World) -> dict[str, Json]:
    found: dict[str, Json] = world.data.setdefault("postgres", {})
    return found


def _find(world: World, cluster: str) -> Json:
    found = _clusters(world).get(cluster)
    if found is None:
        raise Refused(404, "cluster not found")
    return found


def _ready(world: World, cluster: str) -> Json:
    found = _find(world, cluster)
    if found["looks"]:
        raise Refused(422, "cluster is still initializing")
    return found


def _user(cluster: Json, name: str) -> Json:
    found: Json | None = cluster["users"].get(name)
    if found is None:
        raise Refused(404, "user not found")
    return found


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Refused(422, "name is invalid")
    return value


def _shown(cluster: Json) -> Json:
    kept = {key: cluster[key] for key in ("id", "name", "plan", "region", "disk")}
    status = "creating" if cluster["looks"] else "ready"
    return {**kept, "status": status, "version": 2, "replicas": 1, "organization": {"slug": cluster["org"]}}
