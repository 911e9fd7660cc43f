"""A Machine's life: versions, states, events and health checks. Everything happens at once, and nothing by itself."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from scorefly.rehearsal import fates
from scorefly.rehearsal.clock import milliseconds, now
from scorefly.rehearsal.world_file import Json

# Clients watch a young Machine for ten seconds; one that started earlier spares rehearsals the wait.
_STARTED_AGO = 11.0
_EVENTS = 50

_IMAGE = re.compile(r"(?:([^/]+[.:][^/]*|localhost)/)?([^:@]+)(?::([^@]+))?(?:@(.+))?")


def renew(machine: Json, config: Json, *, launch: bool) -> None:
    """A new version of a Machine, which starts unless it is told not to."""
    machine["config"] = config
    machine["image_ref"] = image_ref(config.get("image") or "")
    machine["instance_id"] = secrets.token_hex(13).upper()
    machine["updated_at"] = now()
    _event(machine, "launch", "created", seconds_ago=_STARTED_AGO + 1)
    if launch:
        start(machine)
    else:
        machine["been"] = ["created", "stopped"]
        machine["state"] = "stopped"
        machine["checks"] = _checks(config, passing=False)


def start(machine: Json) -> None:
    """A start, and what follows from it: it runs on, crashes until Fly gives up, or ends as it is meant to."""
    config = machine["config"]
    _event(machine, "start", "started", seconds_ago=_STARTED_AGO)
    machine["been"] = ["started"]
    machine["state"] = "started"
    if config.get("auto_destroy"):
        _end(machine, "destroyed", fates.exit_code(config))
    elif fates.is_crashing(config):
        _end(machine, "stopped", 1, restarts=10)
    healthy = machine["state"] == "started" and not fates.is_unhealthy(config)
    machine["checks"] = _checks(config, passing=healthy)


def stop(machine: Json, state: str = "stopped") -> None:
    """A stop, or a suspension, that was asked for."""
    machine["been"] = []
    if machine["state"] == "started":
        _end(machine, state, 0, requested=True)
        machine["checks"] = _checks(machine["config"], passing=False)


def has_been(machine: Json, states: list[str]) -> bool:
    """Decide whether it is in one of these states, or passed through it since it was last told anything.

    `settled` is every state in which a Machine may stay, and all of them are here.
    """
    return "settled" in states or not {machine["state"], *machine["been"]}.isdisjoint(states)


def log(machine: Mapping[str, Any]) -> list[Json]:
    """Return what it said, oldest first. flyctl stops reading where Fly says how the main process ended."""
    said = [(machine["created_at"], "The rehearsal made this Machine")]
    for event in reversed(machine["events"]):
        if ended := event.get("request", {}).get("exit_event"):
            said.append((ended["exited_at"], f"Main child exited normally with code: {ended['exit_code']}"))
    said += [(time, message) for time, message in machine.get("log", ())]
    about = {"level": "info", "instance": machine["id"], "region": machine["region"], "meta": {}}
    return [{"timestamp": time, "message": message, **about} for time, message in said]


def image_ref(image: str) -> Json:
    """An image's reference in its parts; what has no registry is Docker Hub's."""
    registry, repository, tag, digest = match.groups() if (match := _IMAGE.fullmatch(image)) else (None, image, "", "")
    if not registry:
        registry = "registry-1.docker.io"
        repository = repository if "/" in repository else f"library/{repository}"
    return {"registry": registry, "repository": repository, "tag": tag or "", "digest": digest or "", "labels": {}}


def _end(machine: Json, state: str, code: int, *, requested: bool = False, restarts: int = 0) -> None:
    ended = {
        "exit_code": code,
        "guest_exit_code": code,
        "requested_stop": requested,
        "restarting": restarts > 0,
        "oom_killed": False,
        "exited_at": now(),
    }
    _event(machine, "exit", "stopped", request={"exit_event": ended, "restart_count": restarts})
    machine["been"] += ["stopped", state]
    machine["state"] = state


def _event(machine: Json, kind: str, status: str, *, seconds_ago: float = 0, request: Json | None = None) -> None:
    event: Json = {
        "id": secrets.token_hex(6),
        "type": kind,
        "status": status,
        "source": "flyd",
        "timestamp": milliseconds(seconds_ago),
    }
    machine["events"] = [{**event, **({"request": request} if request else {})}, *machine["events"]][:_EVENTS]


def _checks(config: Mapping[str, Any], *, passing: bool) -> list[Json]:
    status, output = ("passing", "ok") if passing else ("critical", "connection refused")
    return [{"name": name, "status": status, "output": output, "updated_at": now()} for name in _check_names(config)]


def _check_names(config: Mapping[str, Any]) -> list[str]:
    names = list(config.get("checks") or {})
    for index, service in enumerate(config.get("services") or []):
        names += [
            f"servicecheck-{index:02}-{each['type']}-{service['internal_port']}" for each in service.get("checks") or []
        ]
    return names
