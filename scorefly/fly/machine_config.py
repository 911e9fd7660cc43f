"""Translates a fly.toml into a Machine's configuration, field by field as flyctl does.

Source: flyctl's `internal/appconfig/machines.go` and `service.go`; names and shapes: fly-go's `machine_types.go`.
"""

from __future__ import annotations

import os
import re
import shlex
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scorefly.confined import read_file
from scorefly.fly.process_groups import DEFAULT_GROUP
from scorefly.fly.sizes import preset_named, presets
from scorefly.problems import Place, external_error
from scorefly.quantities import megabytes, volume_gigabytes

RELEASE_GROUP = "fly_app_release_command"
STANDBY_VARIABLE = "FLY_STANDBY_FOR"
MAX_FILE_BYTES = 8 << 20  # placeholders may have made a mounted file of 1 MiB larger

# What fly.toml has no words for: flyctl leaves it as a Machine has it, unless machine.json says otherwise.
_KEPT = (
    *("containers", "volumes", "dns", "auto_destroy", "schedule", "standbys", "rootfs", "processes", "cache_drive"),
    "disable_machine_autostart",
)
_RESTARTS = {"always": "always", "on-failure": "on-failure", "never": "no"}
_AUTOSTOP: Mapping[str, bool | str] = {"off": False, "stop": True, "suspend": "suspend"}
_CHECK_TIMES = ("interval", "timeout", "grace_period")
_TIME = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)


def machine_config(
    toml: Mapping[str, Any],
    machine: Mapping[str, Any],
    image: str,
    artefact: Path,
    folder: Path,
    current: Mapping[str, Any] | None = None,
    group: str = DEFAULT_GROUP,
) -> dict[str, Any]:
    """Return the Machine configuration that flyctl makes of a fly.toml in working folder `folder`.

    `toml` has only what is about process group `group`.

    `machine` is the content of machine.json, `current` the configuration of the Machine that is updated; None for a
    new one. Files are read from the artefact only. Mounts have no volumes yet.
    """
    before = current or {}
    content = _content_reader(artefact, folder)
    config: dict[str, Any] = {
        **{key: before[key] for key in _KEPT if key in before},
        **machine,
        "image": image,
        "env": _env(toml, group),
        "init": _init(toml, group),
        "guest": guest(toml) if toml.get("vm") or "guest" not in before else before["guest"],
        "services": _services(toml),
        "checks": {name: _check(each, _first_port(toml)) for name, each in toml.get("checks", {}).items()},
        "files": [_file(each, content) for each in toml.get("files", ())],
        "mounts": [_mount(each) for each in tables(toml, "mounts")],
        "statics": [{"tigris_bucket": "", "index_document": "", **each} for each in toml.get("statics", ())],
        "metadata": {
            **before.get("metadata", {}),
            "fly_platform_version": "v2",
            "fly_process_group": group,
        },
        "stop_config": _stop_config(toml),
    }
    if metrics := tables(toml, "metrics"):
        config["metrics"] = {key: value for key, value in metrics[0].items() if key != "processes"}
    if restart := tables(toml, "restart"):
        config["restart"] = _restart(restart[0])
    if "containers" in machine:
        front = toml.get("container")
        config["containers"] = [_container(each, image, front, content) for each in machine["containers"]]
    return {key: value for key, value in config.items() if value not in ({}, [])}


def release_config(toml: Mapping[str, Any], image: str, artefact: Path, folder: Path) -> dict[str, Any] | None:
    """Return the configuration of the Machine that runs the release command, or None where there is no command."""
    deploy = toml.get("deploy", {})
    command = shlex.split(deploy.get("release_command", ""))
    if not command:
        return None
    content = _content_reader(artefact, folder)
    compute = deploy.get("release_command_vm")
    config = {
        "image": image,
        "env": {**_env(toml, RELEASE_GROUP), "RELEASE_COMMAND": "1"},
        "init": {
            "cmd": command,
            **{key: value for key, value in _init(toml, "").items() if key in ("entrypoint", "swap_size_mb")},
        },
        "guest": guest({"vm": [compute]} if compute else toml),
        "files": [_file(each, content) for each in toml.get("files", ())],
        "metadata": {"fly_platform_version": "v2", "fly_process_group": RELEASE_GROUP},
        "restart": {"policy": "no"},
        "auto_destroy": True,
        "dns": {"skip_registration": True},
        "stop_config": _stop_config(toml),
    }
    return {key: value for key, value in config.items() if value not in ({}, [])}


def guest(toml: Mapping[str, Any]) -> dict[str, Any]:
    """Return the CPUs and the memory that `[[vm]]` describes; the smallest Machine where there is none."""
    vm = (tables(toml, "vm") or [{}])[0]
    name = vm.get("size") or "shared-cpu-1x"
    preset = preset_named(name)
    if preset is None:
        raise external_error(f"Fly has no Machine size {name!r}")
    memory = megabytes(str(vm["memory"])) if vm.get("memory") else preset.memory_mb
    other = {key: value for key, value in vm.items() if key not in ("size", "memory", "processes") and value}
    return {"cpu_kind": preset.cpu_kind, "cpus": preset.cpus, "memory_mb": memory, **other}


def size_text(toml: Mapping[str, Any]) -> str:
    """Return the size that `[[vm]]` describes, for people."""
    return guest_text(guest(toml))


def guest_text(guest: Mapping[str, Any]) -> str:
    """Return the size of a Machine, for people: a preset, else its CPUs. Empty where it is not known."""
    kind, cpus, memory = guest.get("cpu_kind"), guest.get("cpus"), guest.get("memory_mb")
    if not (kind and cpus and memory):
        return ""
    name = next((each.preset for each in presets().values() if (each.cpu_kind, each.cpus) == (kind, cpus)), "")
    return f"{name or f'{cpus} {kind} CPUs'}, {memory} MB"


def standby_config(config: Mapping[str, Any], machines: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of a Machine that Fly starts when the host of one of these fails."""
    env = {**(config.get("env") or {}), STANDBY_VARIABLE: ",".join(machines)}
    return {**config, "env": env, "standbys": list(machines)}


def tables(toml: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """Return the tables below a key, which fly.toml may write as one table."""
    value = toml.get(key) or []
    return [value] if isinstance(value, Mapping) else list(value)


def _content_reader(artefact: Path, folder: Path) -> Callable[[str], bytes]:
    def content(local_path: str) -> bytes:
        # Lexically: a link in the build context must not lead the way back up somewhere else.
        path = os.path.relpath(os.path.normpath(folder / local_path), artefact)
        return read_file(artefact, path, Place(local_path), limit=MAX_FILE_BYTES)

    return content


def _env(toml: Mapping[str, Any], group: str) -> dict[str, str]:
    region = {"PRIMARY_REGION": toml["primary_region"]} if toml.get("primary_region") else {}
    return {**toml.get("env", {}), "FLY_PROCESS_GROUP": group, **region}


def _init(toml: Mapping[str, Any], group: str) -> dict[str, Any]:
    words = {key: value for key, value in toml.get("experimental", {}).items() if key in ("cmd", "entrypoint", "exec")}
    if command := shlex.split(toml.get("processes", {}).get(group, "")):
        words["cmd"] = command
    swap = toml.get("swap_size_mb")
    return {**words, **({"swap_size_mb": swap} if swap is not None else {})}


def _stop_config(toml: Mapping[str, Any]) -> dict[str, Any]:
    timeout, signal = toml.get("kill_timeout"), toml.get("kill_signal")
    return {
        **({"timeout": _go_duration(timeout)} if timeout is not None else {}),
        **({"signal": signal} if signal is not None else {}),
    }


def _restart(restart: Mapping[str, Any]) -> dict[str, Any]:
    retries = restart.get("retries")
    return {"policy": _RESTARTS[restart["policy"]], **({"max_retries": retries} if retries else {})}


def _mount(mount: Mapping[str, Any]) -> dict[str, Any]:
    sizes = {
        "extend_threshold_percent": mount.get("auto_extend_size_threshold"),
        "add_size_gb": _gigabytes(mount.get("auto_extend_size_increment")),
        "size_gb_limit": _gigabytes(mount.get("auto_extend_size_limit")),
    }
    return {
        "path": mount["destination"],
        "name": mount["source"],
        **{key: value for key, value in sizes.items() if value},
    }


def _gigabytes(size: object) -> int:
    return volume_gigabytes(str(size)) or 0


def _container(
    container: Mapping[str, Any], image: str, front: str | None, content: Callable[[str], bytes]
) -> dict[str, Any]:
    files = [_container_file(each, content) for each in container.get("files", ())]
    return {
        **container,
        **({"image": image} if container["name"] == front else {}),
        **({"files": files} if files else {}),
    }


def _container_file(file: Mapping[str, Any], content: Callable[[str], bytes]) -> dict[str, Any]:
    return {**_file(file, content), **({"mode": file["mode"]} if "mode" in file else {})}


def _services(toml: Mapping[str, Any]) -> list[dict[str, Any]]:
    services = [_service(_http_as_service(toml["http_service"]))] if toml.get("http_service") else []
    return services + [_service(each) for each in tables(toml, "services")]


def _http_as_service(http: Mapping[str, Any]) -> dict[str, Any]:
    """Return `[http_service]` as the service that it is short for."""
    options = {"http_options": http["http_options"]} if http.get("http_options") else {}
    tls = {"tls_options": http["tls_options"]} if http.get("tls_options") else {}
    force = {"force_https": True} if http.get("force_https") else {}
    ports = [
        {"port": 80, "handlers": ["http"], **force, **options},
        {"port": 443, "handlers": ["http", "tls"], **options, **tls},
    ]
    return {**http, "protocol": "tcp", "ports": ports, "http_checks": http.get("checks", ())}


def _service(service: Mapping[str, Any]) -> dict[str, Any]:
    checks = [{"type": "tcp", **_check(each)} for each in service.get("tcp_checks", ())]
    checks += [{"type": "http", **_check(each)} for each in service.get("http_checks", ())]
    stop = service.get("auto_stop_machines")
    translated = {
        "protocol": service.get("protocol", ""),
        "internal_port": service["internal_port"],
        "autostop": _AUTOSTOP.get(stop, stop) if isinstance(stop, str) else stop,
        "autostart": service.get("auto_start_machines"),
        "min_machines_running": service.get("min_machines_running"),
        "ports": service.get("ports") or None,
        "concurrency": service.get("concurrency"),
        "checks": checks or None,
    }
    return {key: value for key, value in translated.items() if value not in (None, "")}


def _first_port(toml: Mapping[str, Any]) -> int | None:
    port = toml.get("http_service", {}).get("internal_port")
    return port if isinstance(port, int) else None


def _check(check: Mapping[str, Any], default_port: int | None = None) -> dict[str, Any]:
    """Return a check; headers are a mapping in fly.toml, and a list of names with lists of values in the API."""
    made: dict[str, Any] = {key: _go_duration(value) if key in _CHECK_TIMES else value for key, value in check.items()}
    made.pop("processes", None)
    if default_port is not None:
        made.setdefault("port", default_port)
    if "headers" in made:
        made["headers"] = [{"name": name, "values": [value]} for name, value in made["headers"].items()]
    return made


def _go_duration(value: object) -> object:
    """Return a time such as 90s as Go writes it: 1m30s."""
    match = _TIME.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        return value
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    hours, minutes, seconds = total // 3600, total // 60 % 60, total % 60
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{seconds}s"


def _file(file: Mapping[str, Any], content: Callable[[str], bytes]) -> dict[str, Any]:
    if "local_path" in file:
        return {"guest_path": file["guest_path"], "raw_value": b64encode(content(file["local_path"])).decode()}
    if "raw_value" in file:
        return {"guest_path": file["guest_path"], "raw_value": b64encode(file["raw_value"].encode()).decode()}
    return {key: value for key, value in file.items() if key != "processes"}
