"""The REST calls beside the Machines API that flyctl makes: organizations, builds, releases, logs.

No specification of them is published; shapes follow the client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorefly.rehearsal import life, rules
from scorefly.rehearsal.clock import now
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import World
from scorefly.rehearsal.world_file import Json


def organization(slug: str) -> Json:
    """An organization, as flyctl asks for it before it builds."""
    names = dict.fromkeys(("slug", "raw_slug", "name"), slug)
    return {"organization": {"id": f"org-{slug}", "internal_numeric_id": 1, "type": "PERSONAL", **names}}


def build(world: World) -> Json:
    """A build record, begun or finished."""
    world.data["builds"] = world.data.get("builds", 0) + 1
    world.changed()
    return {"id": world.data["builds"], "status": "completed", "wallclock_time_ms": 1}


def create_release(world: World, body: Mapping[str, Any]) -> Json:
    """A release of an app; versions count up."""
    app = world.app(str(body.get("app_name", "")))
    release = {
        "id": f"rel-{app['name']}-{len(app['releases']) + 1}",
        "version": len(app["releases"]) + 1,
        "definition": body.get("definition"),
        "image": body.get("image", ""),
        "strategy": body.get("strategy", ""),
        "status": "pending",
        "created_at": now(),
    }
    app["releases"].append(release)
    world.changed()
    return {"release": release}


def update_release(world: World, release_id: str, body: Mapping[str, Any]) -> Json:
    """A release with another status."""
    for app in world.data["apps"].values():
        for release in app["releases"]:
            if release["id"] == release_id:
                release["status"] = body.get("status", release["status"])
                world.changed()
                return {"release": release}
    raise Refused(404, "release not found")


def releases(world: World, app: str, query: Mapping[str, str]) -> Json:
    """An app's releases, the newest first."""
    limit = rules.whole_number(query.get("limit") or 20, "limit")
    return {"releases": list(reversed(world.app(app)["releases"]))[:limit]}


def logs(world: World, app: str, query: Mapping[str, str]) -> Json:
    """Return what its Machines said on ending; the token says how many lines the client has seen."""
    machines = {**world.gone(app), **world.app(app)["machines"]}
    lines = [
        line
        for machine in machines.values()
        if query.get("instance") in (None, "", machine["id"]) and query.get("region") in (None, "", machine["region"])
        for line in life.log(machine)
    ]
    lines.sort(key=lambda line: str(line["timestamp"]))
    seen = rules.whole_number(query.get("next_token") or 0, "next_token")
    data = [{"id": str(number), "attributes": line} for number, line in enumerate(lines)]
    return {"data": data[seen:], "meta": {"next_token": str(len(lines))}}
