"""Machines of the rehearsal: they start at once, unless their image is one of those that never do."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from scorefly.rehearsal import rules
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import Json, World, milliseconds, now

UNHEALTHY = "rehearsal.invalid/unhealthy"
CRASHING = "rehearsal.invalid/crashing"
# Clients watch a young Machine for ten seconds; one that started earlier spares rehearsals the wait.
_STARTED_AGO = 11.0


def create(world: World, app_name: str, body: Mapping[str, Any]) -> Json:
    """A new Machine."""
    app = world.app(app_name)
    config = _config(app, body)
    region = rules.region(body.get("region"))
    machine: Json = {
        "id": secrets.token_hex(7),
        "name": f"rehearsal-{secrets.token_hex(3)}",
        "region": region,
        "host_status": "ok",
        "private_ip": f"fdaa:0:1:a7b:{secrets.token_hex(2)}::2",
        "created_at": now(),
        "events": [],
        "config": {},
        "lease": None,
    }
    _attach(app, machine, config)
    app["machines"][machine["id"]] = machine
    app["status"] = "deployed"
    _launch(machine, config)
    if ttl := body.get("lease_ttl"):
        machine["lease"] = {"nonce": secrets.token_hex(8), "ttl": ttl}
    world.changed()
    lease: Json = machine["lease"] or {}
    return {**shown(machine), **({"nonce": lease["nonce"]} if lease else {})}


def update(world: World, app_name: str, machine_id: str, body: Mapping[str, Any], nonce: str) -> Json:
    """A Machine with another configuration, started again."""
    app = world.app(app_name)
    machine = find(world, app_name, machine_id)
    if machine["lease"] and machine["lease"]["nonce"] != nonce:
        raise Refused(409, "lease currently held by somebody else")
    config = _config(app, body)
    _attach(app, machine, config)
    _launch(machine, config)
    world.changed()
    return shown(machine)


def find(world: World, app_name: str, machine_id: str) -> Json:
    """The stored Machine."""
    machine = world.app(app_name)["machines"].get(machine_id)
    if machine is None:
        raise Refused(404, "machine not found")
    found: Json = machine
    return found


def delete(world: World, app_name: str, machine_id: str, *, force: bool) -> Json:
    """Takes a Machine away; its volume stays."""
    machine = find(world, app_name, machine_id)
    if machine["state"] == "started" and not force:
        raise Refused(412, "failed_precondition: machine is running, stop it or use force")
    app = world.app(app_name)
    _detach(app, machine_id)
    del app["machines"][machine_id]
    world.changed()
    return {"ok": True}


def set_state(world: World, app_name: str, machine_id: str, state: str) -> Json:
    """Starts or stops a Machine."""
    find(world, app_name, machine_id)["state"] = state
    world.changed()
    return {"ok": True}


def lease(world: World, app_name: str, machine_id: str, nonce: str) -> Json:
    """A lease, wrapped as Fly's own client wants it; the holder's own nonce renews it."""
    machine = find(world, app_name, machine_id)
    if machine["lease"] and nonce not in ("", machine["lease"]["nonce"]):
        raise Refused(409, "lease currently held by somebody else")
    machine["lease"] = machine["lease"] or {"nonce": secrets.token_hex(8)}
    return {"status": "success", "data": machine["lease"]}


def release_lease(world: World, app_name: str, machine_id: str) -> Json:
    """Lets a lease go."""
    find(world, app_name, machine_id)["lease"] = None
    return {"status": "success"}


def shown(machine: Mapping[str, Any]) -> Json:
    """A Machine as the API shows it."""
    return {key: value for key, value in machine.items() if key != "lease"}


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


def _config(app: Json, body: Mapping[str, Any]) -> Json:
    config = rules.machine_config(body.get("config"), app["secrets"])
    if (wanted := body.get("min_secrets_version") or 0) > app["secrets_version"]:
        raise Refused(412, f"secrets version {wanted} is not known yet")
    return config


def _attach(app: Json, machine: Json, config: Json) -> None:
    for mount in config.get("mounts") or []:
        volume = app["volumes"].get(mount.get("volume"))
        if volume is None:
            raise Refused(422, f"invalid config.mounts: volume {mount.get('volume')!r} does not exist")
        if volume["region"] != machine["region"]:
            raise Refused(422, f"volume is in region {volume['region']}, and the machine in {machine['region']}")
        if volume["attached_machine_id"] not in (None, machine["id"]):
            raise Refused(409, f"volume is attached to machine {volume['attached_machine_id']} already")
    _detach(app, machine["id"])
    for mount in config.get("mounts") or []:
        app["volumes"][mount["volume"]]["attached_machine_id"] = machine["id"]


def _detach(app: Json, machine_id: str) -> None:
    for volume in app["volumes"].values():
        if volume["attached_machine_id"] == machine_id:
            volume["attached_machine_id"] = None


def _launch(machine: Json, config: Json) -> None:
    image = config["image"]
    machine["config"] = config
    machine["instance_id"] = secrets.token_hex(13).upper()
    machine["updated_at"] = now()
    machine["state"] = "stopped" if image.startswith(CRASHING) else "started"
    launch = {
        "id": secrets.token_hex(6),
        "type": "launch",
        "status": "created",
        "timestamp": milliseconds(_STARTED_AGO + 1),
    }
    start = {
        "id": secrets.token_hex(6),
        "type": "start",
        "status": "started",
        "timestamp": milliseconds(_STARTED_AGO),
    }
    machine["events"] = [start, launch, *machine["events"]][:20]
    if image.startswith(CRASHING):
        ended = {
            "exit_code": 1,
            "requested_stop": False,
            "restarting": True,
            "oom_killed": False,
            "exited_at": now(),
        }
        event = {"id": secrets.token_hex(6), "type": "exit", "status": "stopped", "timestamp": milliseconds()}
        machine["events"].insert(0, {**event, "request": {"exit_event": ended, "restart_count": 3}})
    status, output = ("critical", "connection refused") if image.startswith(UNHEALTHY) else ("passing", "ok")
    machine["checks"] = [
        {"name": name, "status": status, "output": output, "updated_at": now()} for name in _check_names(config)
    ]


def _check_names(config: Mapping[str, Any]) -> list[str]:
    names = list(config.get("checks") or {})
    for index, service in enumerate(config.get("services") or []):
        names += [
            f"servicecheck-{index:02}-{each['type']}-{service['internal_port']}" for each in service.get("checks") or []
        ]
    return names
