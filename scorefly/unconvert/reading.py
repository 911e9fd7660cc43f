"""Reads a fly.toml as flyctl reads it: old spellings become current ones, and keys that flyctl never reads are dropped.

Source: flyctl's `internal/appconfig/patches.go` and the types in `config.go` and `service.go`, which are decoded by
Go's encoding/json: keys match in any case, and `25.0` is a whole number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorefly.fly.check.finding import Path
from scorefly.fly.check.keys import FLY_TOML
from scorefly.fly.check.leaf import is_no
from scorefly.unconvert.known_keys import Dropped, Reading, go_text, known_keys


def read_as_flyctl(original: Mapping[str, Any]) -> Reading:
    """Read a document as flyctl does; what flyctl cannot read is an error among the findings."""
    reading = Reading()
    document = dict(original)
    for alias, name in FLY_TOML.aliases.items():
        _merge_alias(document, alias, name, reading)
    for name in ("vm", "mounts", "metrics", "services"):
        if name in document:
            document[name] = _list_of_tables(document[name], name, reading)
    _read_environment(document, reading)
    _read_processes(document, reading)
    _read_experimental(document, reading)
    _read_checks(document, reading)
    _read_services(document, reading)
    if (text := _duration(document.get("kill_timeout"), "s")) is not None:
        document["kill_timeout"] = text
    if document.get("app") == "":
        del document["app"]
    reading.document = known_keys(FLY_TOML, document, (), reading)
    return reading


def _merge_alias(document: dict[str, Any], alias: str, name: str, reading: Reading) -> None:
    """Move the tables of an old name to the current one, which keeps its own tables."""
    if alias not in document:
        return
    old = _list_of_tables(document.pop(alias), alias, reading)
    own = _list_of_tables(document[name], name, reading) if name in document else []
    # flyctl reads `mount` and `compute` before the current names.
    merged = [*old, *own]
    for index in range(len(merged)):
        origin = (alias, index) if index < len(old) else (name, index - len(old))
        reading.origins[name, index] = origin
    document[name] = merged


def _list_of_tables(value: Any, name: str, reading: Reading) -> list[Any]:
    if isinstance(value, Mapping):
        reading.origins[name, 0] = (name,)
        return [value]
    if isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
        return value
    reading.refuse((name,), is_no(value, "a list of tables"), f"write [[{name}]]")
    return []


def _read_environment(document: dict[str, Any], reading: Reading) -> None:
    env = document.get("env")
    if isinstance(env, list):
        merged: dict[str, Any] = {}
        for index, table in enumerate(env):
            if not isinstance(table, Mapping):
                reading.refuse(("env", index), is_no(table, "a table"), "write [env]")
                continue
            for key in table:
                reading.origins["env", key] = ("env", index, key)
            merged |= table
        env = document["env"] = merged
    if isinstance(env, Mapping):
        document["env"] = {key: go_text(value) for key, value in env.items()}


def _read_processes(document: dict[str, Any], reading: Reading) -> None:
    processes = document.get("processes")
    if not isinstance(processes, list):
        return
    named: dict[str, str] = {}
    for index, each in enumerate(processes):
        if isinstance(each, Mapping) and "name" in each:
            name = go_text(each["name"])
            named[name] = go_text(each.get("command", ""))
            reading.origins["processes", name] = ("processes", index, "command")
    if named:
        document["processes"] = named
    else:
        del document["processes"]
        reading.dropped.append(Dropped(("processes",), "an empty list has no process groups"))


def _read_experimental(document: dict[str, Any], reading: Reading) -> None:
    given = document.get("experimental")
    if not isinstance(given, Mapping):
        return
    experimental = dict(given)
    for key in ("cmd", "entrypoint", "exec"):
        if isinstance(experimental.get(key), str):
            experimental[key] = [experimental[key]]
    if "kill_timeout" in experimental:
        text = _duration(experimental.pop("kill_timeout"), "s")
        if "kill_timeout" not in document and text is not None:
            document["kill_timeout"] = text
            reading.origins[("kill_timeout",)] = ("experimental", "kill_timeout")
    metrics = {}
    for key in ("port", "path"):
        if f"metrics_{key}" in experimental:
            metrics[key] = experimental.pop(f"metrics_{key}")
            reading.origins["metrics", 0, key] = ("experimental", f"metrics_{key}")
    if metrics and "metrics" not in document:
        document["metrics"] = [metrics]
    document["experimental"] = experimental


def _read_checks(document: dict[str, Any], reading: Reading) -> None:
    checks = document.get("checks")
    if isinstance(checks, list):
        named: dict[str, Any] = {}
        for index, check in enumerate(checks):
            if not isinstance(check, Mapping) or not isinstance(check.get("name"), str):
                reading.refuse(("checks", index), "has no name", "write [checks.NAME]")
                continue
            name = check["name"]
            named[name] = {key: value for key, value in check.items() if key != "name"}
            reading.origins["checks", name] = ("checks", index)
        checks = document["checks"] = named
    if isinstance(checks, Mapping):
        document["checks"] = {
            name: _check(check, ("checks", name), reading) if isinstance(check, Mapping) else check
            for name, check in checks.items()
        }


def _read_services(document: dict[str, Any], reading: Reading) -> None:
    services = document.get("services")
    if not isinstance(services, list):
        return
    read: list[dict[str, Any]] = []
    for index, given in enumerate(services):
        if not given:
            reading.dropped.append(Dropped(("services", index), "flyctl ignores an empty service"))
            continue
        reading.origins.setdefault(
            ("services", len(read)), reading.origins.get(("services", index), ("services", index))
        )
        service, at = dict(given), ("services", index)
        if isinstance(service.get("concurrency"), str):
            service["concurrency"] = _old_concurrency(service["concurrency"], (*at, "concurrency"), reading)
        for key in ("ports", "tcp_checks", "http_checks"):
            if isinstance(service.get(key), Mapping):
                service[key] = [service[key]]
        for key in ("tcp_checks", "http_checks"):
            if isinstance(service.get(key), list):
                service[key] = [
                    _check(check, (*at, key, number), reading) if isinstance(check, Mapping) else check
                    for number, check in enumerate(service[key])
                ]
        read.append(service)
    document["services"] = read


def _old_concurrency(text: str, path: Path, reading: Reading) -> Any:
    soft, comma, hard = text.partition(",")
    try:
        if comma:
            return {"type": "requests", "hard_limit": int(hard), "soft_limit": int(soft)}
    except ValueError:
        pass
    reading.refuse(path, f"is {text!r}, which flyctl cannot read", "write a table with type, hard_limit and soft_limit")
    return {}


def _check(check: Mapping[str, Any], path: Path, reading: Reading) -> dict[str, Any]:
    """A check of a service's port, or one of the top level: numbers are milliseconds, headers may be a list."""
    read = dict(check)
    for key in ("interval", "timeout", "grace_period"):
        if key in read:
            if read[key] == "":
                del read[key]
            elif (text := _duration(read[key], "ms")) is not None:
                read[key] = text
    headers = read.get("headers")
    if isinstance(headers, list):
        named = {}
        for index, header in enumerate(headers):
            if not isinstance(header, Mapping) or "name" not in header:
                reading.refuse((*path, "headers", index), "has no name", "write a table of names with values")
                continue
            named[go_text(header["name"])] = go_text(header.get("value", ""))
        headers = read["headers"] = named
    if isinstance(headers, Mapping):
        read["headers"] = {name: go_text(value) for name, value in headers.items()}
        if not headers:
            del read["headers"]
    return read


def _duration(value: Any, unit: str) -> str | None:
    """A number as flyctl takes it for a time; None where the value is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return f"{int(value)}{unit}"
