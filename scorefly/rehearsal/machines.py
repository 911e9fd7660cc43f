"""The Machines of an app: making, changing, finding and removing them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from scorefly.rehearsal import config_rules, leases, life, placements, rules
from scorefly.rehearsal.clock import now
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import World
from scorefly.rehearsal.world_file import Json

_INTERNAL = ("lease", "been", "log")


def create(world: World, app_name: str, body: Mapping[str, Any]) -> Json:
    """A new Machine; its answer alone has the nonce of the lease it may be born with."""
    app = world.app(app_name)
    config, ttl = _config(world, app_name, body), rules.whole_number(body.get("lease_ttl") or 0, "lease_ttl")
    region = rules.region(body.get("region"))
    placements.require_room(world, app_name, region)
    name = rules.a_text(body, "name") or f"rehearsal-{secrets.token_hex(3)}"
    if any(each["name"] == name for each in app["machines"].values()):
        raise Refused(409, f"a machine named {name!r} exists already")
    machine: Json = {
        "id": secrets.token_hex(7),
        "name": name,
        "region": region,
        "host_status": "ok",
        "private_ip": f"fdaa:0:1:a7b:{secrets.token_hex(2)}::2",
        "created_at": now(),
        "events": [],
        "config": {},
        "cordoned": bool(body.get("skip_service_registration")),
        "lease": None,
    }
    _attach(app, machine, config)
    app["machines"][machine["id"]] = machine
    world.count_machine(app, machine, 1)
    app["status"] = "deployed"
    life.renew(machine, config, launch=not body.get("skip_launch"))
    nonce = {"nonce": leases.take(machine, "", ttl)["nonce"]} if ttl else {}
    _settle(world, app_name, machine)
    return {**shown(machine), **nonce}


def update(world: World, app_name: str, machine_id: str, body: Mapping[str, Any], nonce: str) -> Json:
    """A Machine with another configuration, started again."""
    config, ttl = _config(world, app_name, body), rules.whole_number(body.get("lease_ttl") or 0, "lease_ttl")

    def renew(machine: Json) -> None:
        _attach(world.app(app_name), machine, config)
        life.renew(machine, config, launch=not body.get("skip_launch"))
        if ttl:
            leases.take(machine, nonce, ttl)

    return shown(change(world, app_name, machine_id, nonce, renew))


def find(world: World, app_name: str, machine_id: str) -> Json:
    """The stored Machine."""
    machine = world.app(app_name)["machines"].get(machine_id)
    if machine is None:
        raise Refused(404, "machine not found")
    found: Json = machine
    return found


def find_or_gone(world: World, app_name: str, machine_id: str) -> Json:
    """The Machine, also when it was destroyed since the rehearsal began: Fly remembers those for a while."""
    gone = world.gone(app_name).get(machine_id)
    return gone if gone is not None else find(world, app_name, machine_id)


def change(world: World, app_name: str, machine_id: str, nonce: str, what: Callable[[Json], object]) -> Json:
    """Does something to a Machine, for whoever holds its lease."""
    machine = find(world, app_name, machine_id)
    leases.guard(machine, nonce)
    what(machine)
    _settle(world, app_name, machine)
    return machine


def listed(world: World, app_name: str, query: Mapping[str, str]) -> list[Json]:
    """The app's Machines that the query's filters let through."""
    found = list(world.app(app_name)["machines"].values())
    if query.get("include_deleted") == "true":
        found += world.gone(app_name).values()
    return [shown(each) for each in found if matches(each, query)]


def by_organization(world: World) -> dict[str, list[Json]]:
    """The Machines of all apps as a listing shows them, by organization."""
    found: dict[str, list[Json]] = {}
    for app in world.data["apps"].values():
        machines = [summary(app["name"], machine) for machine in app["machines"].values()]
        found.setdefault(app["organization"]["slug"], []).extend(machines)
    return found


def delete(world: World, app_name: str, machine_id: str, nonce: str, *, force: bool) -> None:
    """Takes a Machine away; its volume stays."""

    def destroy(machine: Json) -> None:
        if machine["state"] == "started" and not force:
            raise Refused(412, "failed_precondition: machine is running, stop it or use force")
        machine["state"] = "destroyed"

    change(world, app_name, machine_id, nonce, destroy)


def shown(machine: Mapping[str, Any]) -> Json:
    """A Machine as the API shows it."""
    return {key: value for key, value in machine.items() if key not in _INTERNAL}


def summary(app_name: str, machine: Mapping[str, Any]) -> Json:
    """A Machine as the listing of an organization shows it."""
    keys = ("id", "name", "state", "region", "instance_id", "private_ip", "created_at", "updated_at")
    config = machine["config"]
    overview = {key: config[key] for key in ("image", "metadata", "guest") if key in config}
    return {
        **{key: machine.get(key) for key in keys},
        "version": machine["instance_id"],
        "app_name": app_name,
        "config": overview,
    }


def processes(machine: Mapping[str, Any]) -> list[Json]:
    """One process that listens wherever a service points to."""
    ports = {service["internal_port"] for service in machine["config"].get("services") or []}
    sockets = [{"proto": "tcp", "address": f"[::]:{port}"} for port in sorted(ports)]
    return [{"pid": 1, "command": "rehearsed", "listen_sockets": sockets}]


def matches(machine: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    """Report whether a query's filters let a Machine through."""
    metadata = machine["config"].get("metadata") or {}
    desired = {key.removeprefix("metadata."): value for key, value in query.items() if key.startswith("metadata.")}
    return (
        query.get("region") in (None, "", machine["region"])
        and (not query.get("state") or machine["state"] in query["state"].split(","))
        and all(metadata.get(key) == value for key, value in desired.items())
    )


def _settle(world: World, app_name: str, machine: Json) -> None:
    """After a change: a Machine that is destroyed leaves its app, and its volume."""
    if machine["state"] == "destroyed":
        world.detaching |= _detach(world.app(app_name), machine["id"])
        world.gone(app_name)[machine["id"]] = world.app(app_name)["machines"].pop(machine["id"])
        world.count_machine(world.app(app_name), machine, -1)
    world.changed()


def _config(world: World, app_name: str, body: Mapping[str, Any]) -> Json:
    app = world.app(app_name)
    config = config_rules.machine_config(body.get("config"), app["secrets"])
    world.require_secrets(app_name, body.get("min_secrets_version"))
    return config


def _attach(app: Json, machine: Json, config: Json) -> None:
    """Gives a Machine the volumes it mounts; their names and sizes show in its configuration, as Fly's do."""
    for mount in config.get("mounts") or []:
        volume = app["volumes"].get(rules.a_text(mount, "volume"))
        if volume is None:
            raise Refused(422, f"invalid config.mounts: volume {mount.get('volume')!r} does not exist")
        if volume["region"] != machine["region"]:
            raise Refused(422, f"volume is in region {volume['region']}, and the machine in {machine['region']}")
        if volume["attached_machine_id"] not in (None, machine["id"]):
            raise Refused(409, f"volume is attached to machine {volume['attached_machine_id']} already")
    _detach(app, machine["id"])
    for mount in config.get("mounts") or []:
        volume = app["volumes"][mount["volume"]]
        volume["attached_machine_id"] = machine["id"]
        mount |= {"name": volume["name"], "size_gb": volume["size_gb"], "encrypted": volume["encrypted"]}


def _detach(app: Json, machine_id: str) -> set[str]:
    """Take its volumes from a Machine; return their ids."""
    volumes = [volume for volume in app["volumes"].values() if volume["attached_machine_id"] == machine_id]
    for volume in volumes:
        volume["attached_machine_id"] = None
    return {volume["id"] for volume in volumes}
