"""The routes of the simulated Fly: the Machines API, and the other calls of flyctl."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from scorefly.rehearsal import certificates, execs, graphql, leases, life, machines, placements, rules, tokens, uiex
from scorefly.rehearsal.listing import OrganizationListing
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import Json, World

_PAGE = 100


class Call(Struct, frozen=True):
    """One request, as a handler sees it."""

    world: World
    arguments: tuple[str, ...]
    query: dict[str, str]
    body: Json
    nonce: str
    listing: OrganizationListing
    token: str = ""

    @property
    def app(self) -> str:
        """The app the path names."""
        return self.arguments[0]

    @property
    def item(self) -> str:
        """The Machine, volume or address the path names below the app."""
        return self.arguments[1]


Handler = Callable[[Call], "tuple[int, Any]"]


def handler_of(method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
    """Return what answers a request, and the parts of its path that vary. Raises Refused where nothing does."""
    for known, pattern, handler in _ROUTES:
        if known == method and (match := pattern.fullmatch(path)):
            return handler, match.groups()
    raise Refused(404, f"no such endpoint: {method} {path}")


def _app(app: Json) -> Json:
    keys = ("id", "internal_numeric_id", "name", "status", "organization", "network", "app_role")
    counts = {"machine_count": len(app["machines"]), "volume_count": len(app["volumes"])}
    return {key: app[key] for key in keys} | counts | {"cname_target": f"{app['id'][:7]}.{app['name']}.fly.dev"}


def _list_apps(call: Call) -> tuple[int, Any]:
    wanted, role = call.query.get("org_slug"), call.query.get("app_role")
    apps = [
        app
        for app in call.world.data["apps"].values()
        if app["organization"]["slug"] == wanted and role in (None, app["app_role"])
    ]
    return 200, {"total_apps": len(apps), "apps": [_app(app) for app in apps]}


def _delete_app(call: Call) -> tuple[int, Any]:
    call.world.delete_app(call.app)
    return 202, {}


def _secrets(call: Call) -> tuple[int, Any]:
    """Published is `min_version`; flyctl says `version`."""
    call.world.require_secrets(call.app, call.query.get("version") or call.query.get("min_version"))
    return 200, {"secrets": call.world.secrets(call.app)}


def _address(address: Mapping[str, Any]) -> Json:
    return {key: value for key, value in address.items() if key != "network"}


def _release_address(call: Call) -> tuple[int, Any]:
    call.world.release_address(call.app, call.item)
    return 204, None


def _delete_certificate(call: Call) -> tuple[int, Any]:
    certificates.remove(call.world, call.app, call.item)
    return 204, None


def _org_machines(call: Call) -> tuple[int, Any]:
    found = [each for each in call.listing.machines(call.app) if machines.matches(each, call.query)]
    return 200, {**_page(call, "machines", found), "error_regions": list(call.listing.missing)}


def _org_volumes(call: Call) -> tuple[int, Any]:
    found = [
        {**volume, "app_name": app["name"]}
        for app in call.world.data["apps"].values()
        if app["organization"]["slug"] == call.app
        for volume in app["volumes"].values()
    ]
    return 200, _page(call, "volumes", found)


def _page(call: Call, key: str, found: list[Json]) -> Json:
    """Some of them, by a cursor that is the number of those seen so far."""
    start = rules.whole_number(call.query.get("cursor") or 0, "cursor")
    after = start + min(rules.whole_number(call.query.get("limit") or _PAGE, "limit"), _PAGE)
    return {key: found[start:after], "next_cursor": str(after) if after < len(found) else ""}


def _machine(call: Call) -> Json:
    return machines.find(call.world, call.app, call.item)


def _delete_machine(call: Call) -> tuple[int, Any]:
    force = "true" in (call.query.get("force"), call.query.get("kill"))
    machines.delete(call.world, call.app, call.item, call.nonce, force=force)
    return 200, {"ok": True}


def _wait(call: Call) -> tuple[int, Any]:
    """Nothing changes by itself in a rehearsal: what is not there now will not be there later."""
    machine = machines.find_or_gone(call.world, call.app, call.item)
    if not life.has_been(machine, call.query.get("state", "started").split(",")):
        raise Refused(408, f"deadline exceeded: machine is {machine['state']}")
    return 200, {"ok": True}


def _events(call: Call) -> tuple[int, Any]:
    limit = rules.whole_number(call.query.get("limit") or 20, "limit")
    return 200, machines.find_or_gone(call.world, call.app, call.item)["events"][:limit]


def _changing(change: Callable[[Json], object]) -> Handler:
    """Something done to a Machine by whoever may."""

    def handle(call: Call) -> tuple[int, Any]:
        machines.change(call.world, call.app, call.item, call.nonce, change)
        return 200, {"ok": True}

    return handle


def _start(call: Call) -> tuple[int, Any]:
    before = _machine(call)["state"]
    machines.change(call.world, call.app, call.item, call.nonce, life.start)
    return 200, {"status": "success", "previous_state": before}


def _restart(machine: Json) -> None:
    life.stop(machine)
    life.start(machine)


def _lease(call: Call) -> tuple[int, Any]:
    found = leases.held(_machine(call))
    if found is None:
        raise Refused(404, "lease not found")
    return 200, leases.wrapped(found)


def _take_lease(call: Call) -> tuple[int, Any]:
    seconds = call.query.get("ttl") or call.body.get("ttl")
    return 200, leases.wrapped(leases.take(_machine(call), call.nonce, seconds))


def _release_lease(call: Call) -> tuple[int, Any]:
    machines.change(call.world, call.app, call.item, call.nonce, lambda machine: machine.update(lease=None))
    return 200, {"status": "success"}


def _metadata(call: Call) -> Json:
    """A lease does not prevent writing metadata: flyctl sends no nonce with it."""
    found: Json = _machine(call)["config"].setdefault("metadata", {})
    return found


def _set_metadata(call: Call) -> tuple[int, Any]:
    _metadata(call)[call.arguments[2]] = str(call.body.get("value", ""))
    call.world.changed()
    return 204, None


def _delete_metadata(call: Call) -> tuple[int, Any]:
    _metadata(call).pop(call.arguments[2], None)
    call.world.changed()
    return 204, None


def _replace_metadata(call: Call) -> tuple[int, Any]:
    """The whole map, for a client that knows the version it read."""
    metadata = _new_metadata(call)
    machine = _machine(call)
    machine["config"]["metadata"] = {name: value for name, value in metadata.items() if value}
    call.world.changed()
    return 200, {}


def _patch_metadata(call: Call) -> tuple[int, Any]:
    """Some keys; null and empty texts remove."""
    metadata, found = _new_metadata(call), _metadata(call)
    for name, value in metadata.items():
        found.pop(name, None)
        if value:
            found[name] = value
    call.world.changed()
    return 204, None


def _new_metadata(call: Call) -> dict[str, str | None]:
    machine, version = _machine(call), call.body.get("machine_version")
    if version and version != machine["instance_id"]:
        raise Refused(412, f"machine version {version} is not the current one")
    metadata = rules.an_object(call.body, "metadata")
    if not all(value is None or isinstance(value, str) for value in metadata.values()):
        raise Refused(400, "metadata values must be strings")
    return metadata


def _regions(_call: Call) -> tuple[int, Any]:
    rows = [{"code": code, "name": name, "deprecated": False} for code, name in rules.REGIONS.items()]
    return 200, {"nearest": rules.NEAREST, "regions": rows}


def _builder(call: Call) -> tuple[int, Any]:
    if call.world.has_builder:
        return 200, {"build_id": "rehearsal", "build_token": "rehearsal"}
    raise Refused(422, rules.NO_BUILDER)


def _ok(answer: Callable[[Call], Any]) -> Handler:
    """A handler of what always succeeds when it is not refused."""
    return lambda call: (200, answer(call))


_APP = "/v1/apps/{app}"
_MACHINE = f"{_APP}/machines/{{machine}}"
_VOLUME = f"{_APP}/volumes/{{volume}}"
_CERTIFICATES = f"{_APP}/certificates"
_CERTIFICATE = f"{_CERTIFICATES}/{{host}}"

_TABLE: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/v1/platform/regions", _regions),
    ("POST", "/v1/platform/placements", _ok(lambda call: placements.simulate(call.world, call.body))),
    ("GET", "/v1/tokens/current", _ok(lambda call: tokens.current(call.world, call.token))),
    ("GET", "/v1/apps", _list_apps),
    ("POST", "/v1/apps", lambda call: (201, _app(call.world.create_app(call.body)))),
    ("GET", _APP, _ok(lambda call: _app(call.world.app(call.app)))),
    ("DELETE", _APP, _delete_app),
    ("GET", f"{_APP}/secrets", _secrets),
    ("POST", f"{_APP}/secrets", _ok(lambda call: call.world.update_secrets(call.app, call.body))),
    (
        "GET",
        f"{_APP}/ip_assignments",
        _ok(lambda call: {"ips": [_address(each) for each in call.world.app(call.app)["addresses"]]}),
    ),
    ("POST", f"{_APP}/ip_assignments", _ok(lambda call: _address(call.world.assign_address(call.app, call.body)))),
    ("DELETE", f"{_APP}/ip_assignments/{{ip}}", _release_address),
    ("GET", _CERTIFICATES, _ok(lambda call: certificates.listed(call.world, call.app, call.query))),
    ("POST", f"{_CERTIFICATES}/acme", lambda call: (201, certificates.request(call.world, call.app, call.body))),
    ("GET", _CERTIFICATE, _ok(lambda call: certificates.detail(call.world, call.app, call.item))),
    ("POST", f"{_CERTIFICATE}/check", _ok(lambda call: certificates.check(call.world, call.app, call.item))),
    ("DELETE", _CERTIFICATE, _delete_certificate),
    ("GET", f"{_APP}/volumes", _ok(lambda call: list(call.world.app(call.app)["volumes"].values()))),
    ("POST", f"{_APP}/volumes", _ok(lambda call: call.world.create_volume(call.app, call.body))),
    ("GET", _VOLUME, _ok(lambda call: call.world.volume(call.app, call.item))),
    ("PUT", _VOLUME, _ok(lambda call: call.world.update_volume(call.app, call.item, call.body))),
    ("DELETE", _VOLUME, _ok(lambda call: call.world.delete_volume(call.app, call.item))),
    ("PUT", f"{_VOLUME}/extend", _ok(lambda call: call.world.extend_volume(call.app, call.item, call.body))),
    ("GET", "/v1/orgs/{org}/machines", _org_machines),
    ("GET", "/v1/orgs/{org}/volumes", _org_volumes),
    ("GET", f"{_APP}/machines", _ok(lambda call: machines.listed(call.world, call.app, call.query))),
    ("POST", f"{_APP}/machines", _ok(lambda call: machines.create(call.world, call.app, call.body))),
    ("GET", _MACHINE, _ok(lambda call: machines.shown(machines.find_or_gone(call.world, call.app, call.item)))),
    ("POST", _MACHINE, _ok(lambda call: machines.update(call.world, call.app, call.item, call.body, call.nonce))),
    ("DELETE", _MACHINE, _delete_machine),
    ("GET", f"{_MACHINE}/wait", _wait),
    ("GET", f"{_MACHINE}/events", _events),
    ("GET", f"{_MACHINE}/ps", _ok(lambda call: machines.processes(_machine(call)))),
    ("POST", f"{_MACHINE}/start", _start),
    ("POST", f"{_MACHINE}/exec", _ok(lambda call: execs.run(call.world, call.app, _machine(call), call.body))),
    ("POST", f"{_MACHINE}/stop", _changing(life.stop)),
    ("POST", f"{_MACHINE}/suspend", _changing(lambda machine: life.stop(machine, "suspended"))),
    ("POST", f"{_MACHINE}/restart", _changing(_restart)),
    ("POST", f"{_MACHINE}/cordon", _changing(lambda machine: machine.update(cordoned=True))),
    ("POST", f"{_MACHINE}/uncordon", _changing(lambda machine: machine.update(cordoned=False))),
    ("GET", f"{_MACHINE}/lease", _lease),
    ("POST", f"{_MACHINE}/lease", _take_lease),
    ("DELETE", f"{_MACHINE}/lease", _release_lease),
    ("GET", f"{_MACHINE}/metadata", _ok(_metadata)),
    ("PUT", f"{_MACHINE}/metadata", _replace_metadata),
    ("PATCH", f"{_MACHINE}/metadata", _patch_metadata),
    ("POST", f"{_MACHINE}/metadata/{{key}}", _set_metadata),
    ("DELETE", f"{_MACHINE}/metadata/{{key}}", _delete_metadata),
    ("POST", "/graphql", _ok(lambda call: graphql.answer(call.world, call.body))),
    # Beside the Machines API; the first part that varies stands where an app's name does elsewhere.
    ("GET", "/api/v1/organizations/{org}", _ok(lambda call: uiex.organization(call.app))),
    ("POST", "/api/v1/builds", _ok(lambda call: uiex.build(call.world))),
    ("POST", "/api/v1/builds/finish", _ok(lambda call: uiex.build(call.world))),
    ("POST", "/api/v1/builds/depot_builder", _builder),
    ("POST", "/api/v1/releases", lambda call: (201, uiex.create_release(call.world, call.body))),
    ("PATCH", "/api/v1/releases/{id}", _ok(lambda call: uiex.update_release(call.world, call.app, call.body))),
    ("GET", "/api/v1/apps/{app}/releases", _ok(lambda call: uiex.releases(call.world, call.app, call.query))),
    ("GET", "/api/v1/apps/{app}/logs", _ok(lambda call: uiex.logs(call.world, call.app, call.query))),
)
# `{x}` in a path is one part of it.
_ROUTES = [(method, re.compile(re.sub(r"\{\w+\}", "([^/]+)", path)), handler) for method, path, handler in _TABLE]
