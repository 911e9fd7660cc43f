"""The handlers of the simulated Fly: what answers each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from scorefly.rehearsal import (
    certificates,
    leases,
    life,
    machines,
    managed_postgres,
    rules,
)
from scorefly.rehearsal.listing import OrganizationListing
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import World
from scorefly.rehearsal.world_file import Json

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


def shown_app(app: Json) -> Json:
    """Return an app as Fly shows it."""
    keys = ("id", "internal_numeric_id", "name", "status", "organization", "network", "app_role")
    counts = {"machine_count": len(app["machines"]), "volume_count": len(app["volumes"])}
    return {key: app[key] for key in keys} | counts | {"cname_target": f"{app['id'][:7]}.{app['name']}.fly.dev"}


def list_apps(call: Call) -> tuple[int, Any]:
    """List an organization's apps."""
    organization, role = call.query.get("org_slug"), call.query.get("app_role")
    apps = [
        app
        for app in call.world.data["apps"].values()
        if app["organization"]["slug"] == organization and role in (None, app["app_role"])
    ]
    return 200, {"total_apps": len(apps), "apps": [shown_app(app) for app in apps]}


def delete_app(call: Call) -> tuple[int, Any]:
    """Delete an app."""
    call.world.delete_app(call.app)
    return 202, {}


def list_secrets(call: Call) -> tuple[int, Any]:
    """List an app's secrets. `min_version` is published; flyctl sends `version`."""
    call.world.require_secrets(call.app, call.query.get("version") or call.query.get("min_version"))
    return 200, {"secrets": call.world.secrets(call.app)}


def shown_address(address: Mapping[str, Any]) -> Json:
    """Return an address as Fly shows it."""
    return {key: value for key, value in address.items() if key != "network"}


def release_address(call: Call) -> tuple[int, Any]:
    """Release an address."""
    call.world.release_address(call.app, call.item)
    return 204, None


def delete_certificate(call: Call) -> tuple[int, Any]:
    """Delete a certificate."""
    certificates.remove(call.world, call.app, call.item)
    return 204, None


def destroy_cluster(call: Call) -> tuple[int, Any]:
    """Destroy a cluster of Managed Postgres."""
    managed_postgres.destroy(call.world, call.app, call.item)
    return 204, None


def delete_cluster_user(call: Call) -> tuple[int, Any]:
    """Delete a user of a cluster."""
    managed_postgres.delete_user(call.world, call.app, call.item)
    return 204, None


def list_org_machines(call: Call) -> tuple[int, Any]:
    """List a page of an organization's Machines."""
    listed = [each for each in call.listing.machines(call.app) if machines.matches(each, call.query)]
    return 200, {**_page(call, "machines", listed), "error_regions": list(call.listing.missing)}


def list_org_volumes(call: Call) -> tuple[int, Any]:
    """List a page of an organization's volumes."""
    volumes = [
        {**volume, "app_name": app["name"]}
        for app in call.world.data["apps"].values()
        if app["organization"]["slug"] == call.app
        for volume in app["volumes"].values()
    ]
    return 200, _page(call, "volumes", volumes)


def _page(call: Call, key: str, entries: list[Json]) -> Json:
    """Return a page. The cursor is the number of entries on the pages before it."""
    start = rules.whole_number(call.query.get("cursor") or 0, "cursor")
    after = start + min(rules.whole_number(call.query.get("limit") or _PAGE, "limit"), _PAGE)
    return {key: entries[start:after], "next_cursor": str(after) if after < len(entries) else ""}


def machine_of(call: Call) -> Json:
    """Return the Machine that the path names."""
    return machines.find(call.world, call.app, call.item)


def delete_machine(call: Call) -> tuple[int, Any]:
    """Destroy a Machine."""
    force = "true" in (call.query.get("force"), call.query.get("kill"))
    machines.delete(call.world, call.app, call.item, call.nonce, force=force)
    return 200, {"ok": True}


def wait_for_state(call: Call) -> tuple[int, Any]:
    """Answer whether a Machine is in a state. Nothing changes by itself in a rehearsal, so no time is spent waiting."""
    machine = machines.find_or_gone(call.world, call.app, call.item)
    if not life.has_been(machine, call.query.get("state", "started").split(",")):
        raise Refused(408, f"deadline exceeded: machine is {machine['state']}")
    return 200, {"ok": True}


def list_events(call: Call) -> tuple[int, Any]:
    """List a Machine's events."""
    limit = rules.whole_number(call.query.get("limit") or 20, "limit")
    return 200, machines.find_or_gone(call.world, call.app, call.item)["events"][:limit]


def changing(change: Callable[[Json], object]) -> Handler:
    """Return a handler that changes a Machine, unless another client has its lease."""

    def handle(call: Call) -> tuple[int, Any]:
        machines.change(call.world, call.app, call.item, call.nonce, change)
        return 200, {"ok": True}

    return handle


def start_machine(call: Call) -> tuple[int, Any]:
    """Start a Machine."""
    before = machine_of(call)["state"]
    machines.change(call.world, call.app, call.item, call.nonce, life.start)
    return 200, {"status": "success", "previous_state": before}


def restart(machine: Json) -> None:
    """Stop and start a Machine."""
    life.stop(machine)
    life.start(machine)


def show_lease(call: Call) -> tuple[int, Any]:
    """Show a Machine's lease."""
    lease = leases.held(machine_of(call))
    if lease is None:
        raise Refused(404, "lease not found")
    return 200, leases.wrapped(lease)


def take_lease(call: Call) -> tuple[int, Any]:
    """Take a Machine's lease."""
    seconds = call.query.get("ttl") or call.body.get("ttl")
    return 200, leases.wrapped(leases.take(machine_of(call), call.nonce, seconds))


def release_lease(call: Call) -> tuple[int, Any]:
    """Release a Machine's lease."""
    machines.change(call.world, call.app, call.item, call.nonce, lambda machine: machine.update(lease=None))
    return 200, {"status": "success"}


def metadata_of(call: Call) -> Json:
    """Return a Machine's metadata. A lease does not prevent writing it: flyctl sends no nonce with it."""
    metadata: Json = machine_of(call)["config"].setdefault("metadata", {})
    return metadata


def set_metadata(call: Call) -> tuple[int, Any]:
    """Set one metadata key."""
    metadata_of(call)[call.arguments[2]] = str(call.body.get("value", ""))
    call.world.changed()
    return 204, None


def delete_metadata(call: Call) -> tuple[int, Any]:
    """Delete one metadata key."""
    metadata_of(call).pop(call.arguments[2], None)
    call.world.changed()
    return 204, None


def replace_metadata(call: Call) -> tuple[int, Any]:
    """Replace all metadata, for a client that knows the version it read."""
    metadata = _new_metadata(call)
    machine = machine_of(call)
    machine["config"]["metadata"] = {name: value for name, value in metadata.items() if value}
    call.world.changed()
    return 200, {}


def patch_metadata(call: Call) -> tuple[int, Any]:
    """Change some metadata keys; null and an empty string remove a key."""
    changes, metadata = _new_metadata(call), metadata_of(call)
    for name, value in changes.items():
        metadata.pop(name, None)
        if value:
            metadata[name] = value
    call.world.changed()
    return 204, None


def _new_metadata(call: Call) -> dict[str, str | None]:
    machine, version = machine_of(call), call.body.get("machine_version")
    if version and version != machine["instance_id"]:
        raise Refused(412, f"machine version {version} is not the current one")
    metadata = rules.an_object(call.body, "metadata")
    if not all(value is None or isinstance(value, str) for value in metadata.values()):
        raise Refused(400, "metadata values must be strings")
    return metadata


def list_regions(_call: Call) -> tuple[int, Any]:
    """List the regions."""
    rows = [{"code": code, "name": name, "deprecated": False} for code, name in rules.REGIONS.items()]
    return 200, {"nearest": rules.NEAREST, "regions": rows}


def show_builder(call: Call) -> tuple[int, Any]:
    """Show the remote builder, where there is one."""
    if call.world.has_builder:
        return 200, {"build_id": "rehearsal", "build_token": "rehearsal"}
    raise Refused(422, rules.NO_BUILDER)


def ok(answer: Callable[[Call], Any]) -> Handler:
    """Return a handler that answers 200 with what a function returns."""
    return lambda call: (200, answer(call))
