"""The meaning of a fly.toml to flyctl, as data: two documents that mean the same give equal data.

Source: flyctl's `internal/appconfig` (`machines.go`, `processgroups.go`, `service.go`).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from scorefly.fly.check.keys import FLY_TOML
from scorefly.fly.check.leaf import Size, Span
from scorefly.fly.check.shape import Named, Shape, Table, Tables
from scorefly.fly.sizes import presets

DEFAULT_GROUP = "app"
# Zero is a value of its own here: flyctl keeps these apart from a key that is missing.
_KEPT = (
    *("auto_start_machines", "min_machines_running", "swap_size_mb", "snapshot_retention", "scheduled_snapshots"),
    *("tls_skip_verify", "compress", "pristine", "h2_backend", "default_self_signed", "compression_level"),
    *("max_unavailable", "kill_timeout", "interval", "timeout", "grace_period", "idle_timeout", "headers_read_timeout"),
    *("wait_timeout", "release_command_timeout", "https", "allow_bypass", "compose"),
)
_NAMED = ("env", "headers", "settings", "args", "export", "processes")
DOCKERFILES = ("Dockerfile", "./Dockerfile", "dockerfile", "./dockerfile")


def meaning(document: Mapping[str, Any], content: Callable[[str], object] = str) -> dict[str, Any]:
    """Return what a document in current spelling means; `content` reads a file named by `local_path`."""
    read: dict[str, Any] = _typed(FLY_TOML, folded(document))
    groups = group_names(document)
    made = _without_nothing(read)
    services = [_http_as_service(read["http_service"])] if isinstance(read.get("http_service"), Mapping) else []
    services += [_service(each) for each in read.get("services", ())]
    made.pop("http_service", None)
    if services := [_without_nothing(each) for each in services]:
        made["services"] = services
    if guests := [_guest(each) for each in read.get("vm", ())]:
        made["vm"] = guests
    if isinstance(vm := read.get("deploy", {}).get("release_command_vm"), Mapping):
        made["deploy"] = {**made["deploy"], "release_command_vm": _guest(vm)}
    if made.get("build", {}).get("dockerfile") in DOCKERFILES:
        made["build"] = {key: value for key, value in made["build"].items() if key != "dockerfile"}
    for mount in made.get("mounts", ()):
        mount.setdefault("initial_size", 1)  # flyctl's default, in GB
    made["files"] = [_file(each, content) for each in read.get("files", ())]
    for check in made.get("checks", {}).values():
        if isinstance(check.get("method"), str):
            check["method"] = check["method"].upper()
    # A [[vm]] without names is for all groups, not for the default one.
    for key in ("services", "mounts", "files", "restart", "metrics", *(("vm",) if len(groups) == 1 else ())):
        for each in made.get(key, ()):
            _sort_groups(each, groups, named=key == "services")
    for check in made.get("checks", {}).values():
        _sort_groups(check, groups)
    meant: dict[str, Any] = _without_nothing(made)
    return meant


def group_names(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the process groups of a document: `app` where it names none."""
    processes = document.get("processes")
    return tuple(processes) if isinstance(processes, Mapping) and processes else (DEFAULT_GROUP,)


def guest(vm: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Machine that a `[[vm]]` describes: CPUs, memory in MB, and what else it says."""
    return _guest(_typed(FLY_TOML, {"vm": [vm]})["vm"][0])


def _typed(shape: Shape, value: Any) -> Any:
    """The value with times in seconds and sizes in units; what is invalid stays as it is."""
    if isinstance(shape, Table) and isinstance(value, Mapping):
        return {key: _typed(shape.keys[key], each) if key in shape.keys else each for key, each in value.items()}
    if isinstance(shape, Tables) and isinstance(value, list):
        return [_typed(shape.item, each) for each in value]
    if isinstance(shape, Named) and isinstance(value, Mapping):
        return {key: _typed(shape.item, each) for key, each in value.items()}
    if isinstance(shape, Span | Size):
        read = shape.read(value, (), [])
        return value if read is None else read
    return value


def _without_nothing(value: Any, key: str = "") -> Any:
    """The value without what Go leaves out when it writes a zero value."""
    if isinstance(value, Mapping):
        if key in _NAMED:
            return dict(value)
        cleaned = {name: _without_nothing(each, name) for name, each in value.items()}
        return {name: each for name, each in cleaned.items() if name in _KEPT or each not in ("", False, [], {}, None)}
    if isinstance(value, list):
        return [_without_nothing(each) for each in value]
    return value


def _http_as_service(http: Mapping[str, Any]) -> dict[str, Any]:
    options, tls = http.get("http_options"), http.get("tls_options")
    ports = [
        {"port": 80, "handlers": ["http"], "force_https": http.get("force_https"), "http_options": options},
        {"port": 443, "handlers": ["http", "tls"], "http_options": options, "tls_options": tls},
    ]
    own = ("force_https", "http_options", "tls_options", "checks")
    rest = {key: value for key, value in http.items() if key not in own}
    return {**rest, "protocol": "tcp", "ports": ports, "http_checks": http.get("checks")}


def _service(service: Mapping[str, Any]) -> dict[str, Any]:
    ports = [{**port, "handlers": sorted(port.get("handlers") or ())} for port in service.get("ports") or ()]
    return {**service, "ports": ports}


def _guest(vm: Mapping[str, Any]) -> dict[str, Any]:
    name = vm.get("size") or ("performance-8x" if vm.get("gpu_kind") else "shared-cpu-1x")
    preset = presets().get(name)
    base = (
        {"cpu_kind": preset.cpu_kind, "cpus": preset.cpus, "memory_mb": preset.memory_mb} if preset else {"size": name}
    )
    if vm.get("memory"):
        base["memory_mb"] = vm["memory"]
    own = {key: value for key, value in vm.items() if key not in ("size", "memory") and value}
    return {**base, **own}


def _file(file: Mapping[str, Any], content: Callable[[str], object]) -> dict[str, Any]:
    read = {key: value for key, value in file.items() if key not in ("local_path", "raw_value")}
    if file.get("local_path"):
        return {**read, "content": content(file["local_path"])}
    if not file.get("secret_name") and file.get("raw_value"):
        return {**read, "content": file["raw_value"].encode()}
    return read


def folded(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with the command of the only process group, if it is called `app`, as the image's command."""
    if group_names(document) != (DEFAULT_GROUP,) or not isinstance(document.get("processes"), Mapping):
        return dict(document)
    command = document["processes"].get(DEFAULT_GROUP, "")
    rest = {key: value for key, value in document.items() if key != "processes"}
    try:
        words = shlex.split(command)
    except ValueError:
        return dict(document)
    return {**rest, "experimental": {**document.get("experimental", {}), "cmd": words}} if words else rest


def _sort_groups(section: dict[str, Any], groups: tuple[str, ...], *, named: bool = False) -> None:
    """A section that names the default group means what one without names means.

    Where there are groups, services have to be `named`: flyctl refuses those without.
    """
    default = DEFAULT_GROUP if DEFAULT_GROUP in groups else min(groups)
    if section.get("processes") == [default] and not (named and groups != (DEFAULT_GROUP,)):
        section["processes"] = []
    elif isinstance(section.get("processes"), list):
        section["processes"] = sorted(section["processes"])
