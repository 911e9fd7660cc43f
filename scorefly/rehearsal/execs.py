"""Commands in Machines: only what a Postgres server is told about its databases has an effect."""

from __future__ import annotations

import re

from scorefly.rehearsal import rules
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import World
from scorefly.rehearsal.world_file import Json

_CREATE = re.compile(r'CREATE DATABASE "([^"]+)"')
_DROP = re.compile(r'DROP DATABASE IF EXISTS "([^"]+)"')


def run(world: World, app: str, machine: Json, body: Json) -> Json:
    """The answer to a command. The databases of an app are in the world, by name."""
    command = body.get("command") or body.get("cmd")
    if not command or not isinstance(command, str | list):
        raise Refused(400, "command is required")
    rules.whole_number(body.get("timeout") or 0, "timeout", most=180)
    if machine["state"] != "started":
        raise Refused(412, f"machine is not running: {machine['state']}")
    words = " ".join(command) if isinstance(command, list) else command
    if "psql" in words:
        if not (machine["config"].get("image") or "").startswith("postgres:"):
            return {"exit_code": 127, "exit_signal": 0, "stdout": "", "stderr": "sh: 1: psql: not found"}
        databases: dict[str, str] = world.app(app).setdefault("databases", {})
        statements = rules.a_text(body, "stdin")
        databases.update(dict.fromkeys(_CREATE.findall(statements), "created"))
        for name in _DROP.findall(statements):
            databases.pop(name, None)
        world.changed()
    return {"exit_code": 0, "exit_signal": 0, "stdout": "", "stderr": ""}
