"""The rules by which Fly refuses a Machine's configuration. Limits and enumerations: the published Machines API."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from scorefly.rehearsal import fates
from scorefly.rehearsal.rules import Refused, a_text, an_object, secret_name, whole_number

_GUESTS = {
    "shared": ((1, 2, 4, 6, 8), 256, 2048, 256),
    "performance": ((1, 2, 4, 6, 8, 10, 12, 14, 16), 2048, 8192, 2048),
}
_HANDLERS = ("http", "tls", "pg_tls", "proxy_proto", "edge_http")
_RESTARTS = ("no", "always", "on-failure", "spot-price")
_CONDITIONS = ("started", "healthy", "exited_successfully")
_HEALTHCHECKS = ("http", "tcp", "exec")


def machine_config(config: object, secrets: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration Fly would start; `secrets` are those the app has."""
    if not isinstance(config, dict):
        raise Refused(400, "config is required")
    containers = _objects(config, "containers", "config")
    if not containers or config.get("image"):
        _image(config.get("image"), "config.image")
    _guest(an_object(config, "guest", "config."))
    init = an_object(config, "init", "config.")
    for key in ("exec", "entrypoint", "cmd"):
        _words(init.get(key) or [], f"config.init.{key}")
    _texts(config, "env", "config")
    _texts(config, "metadata", "config")
    _restart(config, "config")
    _files(config, "config", secrets)
    mounts = _objects(config, "mounts", "config")
    if len(mounts) > 1:
        raise Refused(422, "invalid config.mounts: only one mount per machine is supported")
    for mount in mounts:
        _absolute(mount.get("path"), "config.mounts")
    for service in _objects(config, "services", "config"):
        _service(service)
    for name, check in an_object(config, "checks", "config.").items():
        _check(check, f"config.checks.{name}", needs_port=True)
    _containers(config, containers, secrets)
    return config


def _containers(config: Mapping[str, Any], containers: list[dict[str, Any]], secrets: Mapping[str, Any]) -> None:
    names = _names(containers, "config.containers")
    volumes = _names(_objects(config, "volumes", "config"), "config.volumes")
    for container in containers:
        where = f"config.containers.{container['name']}"
        _image(container.get("image"), f"{where}.image")
        _texts(container, "env", where)
        _restart(container, where)
        _files(container, where, secrets)
        for secret in _objects(container, "secrets", where):
            _container_secret(secret, f"{where}.secrets", secrets)
        checks = _objects(container, "healthchecks", where)
        _names(checks, f"{where}.healthchecks")
        for check in checks:
            _healthcheck(check, f"{where}.healthchecks.{check['name']}")
        for mount in _objects(container, "mounts", where):
            if mount.get("name") not in volumes:
                raise Refused(400, f"invalid {where}.mounts: volume {mount.get('name')!r} is not in config.volumes")
            _absolute(mount.get("path"), f"{where}.mounts")
        for dependency in _objects(container, "depends_on", where):
            _dependency(dependency, container["name"], names, f"{where}.depends_on")
    _refuse_circles(containers)


def _names(items: list[dict[str, Any]], where: str) -> list[str]:
    names: list[str] = []
    for item in items:
        name = item.get("name")
        if not isinstance(name, str) or not name:
            raise Refused(400, f"invalid {where}: name is required")
        if name in names:
            raise Refused(400, f"invalid {where}: {name!r} is there twice")
        names.append(name)
    return names


def _dependency(dependency: Mapping[str, Any], container: str, names: list[str], where: str) -> None:
    name, condition = dependency.get("name"), dependency.get("condition")
    if name not in names:
        raise Refused(400, f"invalid {where}: there is no container {name!r}")
    if name == container:
        raise Refused(400, f"invalid {where}: {name!r} cannot depend on itself")
    if condition not in _CONDITIONS:
        raise Refused(400, f"invalid {where}: condition {condition!r} is none of {', '.join(_CONDITIONS)}")


def _refuse_circles(containers: list[dict[str, Any]]) -> None:
    graph = {each["name"]: [other["name"] for other in each.get("depends_on") or ()] for each in containers}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise Refused(400, f"invalid config.containers: {' -> '.join(error.args[1])} depend on each other") from None


def _container_secret(secret: Mapping[str, Any], where: str, secrets: Mapping[str, Any]) -> None:
    variable = secret_name(secret.get("env_var"), f"{where}.env_var")
    name = a_text(secret, "name") or variable
    if name not in secrets:
        raise Refused(400, f"invalid {where}: secret {name!r} does not exist")


def _healthcheck(check: Mapping[str, Any], where: str) -> None:
    kinds = [kind for kind in _HEALTHCHECKS if check.get(kind) is not None]
    if len(kinds) != 1:
        raise Refused(400, f"invalid {where}: it needs one of {', '.join(_HEALTHCHECKS)}")
    _one_of(check, "kind", ("readiness", "liveness"), where)
    _one_of(check, "unhealthy", ("stop",), where)
    for key in ("interval", "grace_period", "timeout", "success_threshold", "failure_threshold"):
        whole_number(check.get(key, 0), f"{where}.{key}")
    settings = an_object(check, kinds[0], f"{where}.")
    if kinds[0] == "exec":
        _words(settings.get("command") or None, f"{where}.exec: command")
    else:
        _port(settings.get("port"), f"{where}.{kinds[0]}")
        _one_of(settings, "scheme", ("http", "https"), where)


def _image(image: object, where: str) -> None:
    if not isinstance(image, str) or not image or any(sign.isspace() for sign in image):
        raise Refused(400, f"invalid {where}: missing image")
    if fates.is_missing(image):
        raise Refused(404, f"could not find image {image!r}: manifest unknown")


def _guest(guest: Mapping[str, Any]) -> None:
    if guest.get("gpu_kind") or guest.get("gpus"):
        raise Refused(400, "GPU machines are not available")
    kind, cpus, memory = guest.get("cpu_kind", "shared"), guest.get("cpus", 1), guest.get("memory_mb", 256)
    if not isinstance(kind, str) or kind not in _GUESTS:
        raise Refused(422, f"invalid config.guest.cpu_kind: {kind}")
    counts, least, most, step = _GUESTS[kind]
    if cpus not in counts:
        raise Refused(422, f"invalid config.guest.cpus: {cpus} {kind} CPUs are not available")
    if not isinstance(memory, int) or not least * cpus <= memory <= most * cpus or memory % step:
        raise Refused(
            422,
            f"invalid config.guest.memory_mb: {memory} MiB; {cpus} {kind} CPUs take {least * cpus} to "
            f"{most * cpus} MiB in steps of {step}",
        )


def _restart(config: Mapping[str, Any], where: str) -> None:
    _one_of(an_object(config, "restart", f"{where}."), "policy", _RESTARTS, f"{where}.restart")


def _files(config: Mapping[str, Any], where: str, secrets: Mapping[str, Any]) -> None:
    where = f"{where}.files"
    seen = set()
    for file in _objects(config, "files", where.removesuffix(".files")):
        path = _absolute(file.get("guest_path"), where)
        if path in seen:
            raise Refused(400, f"invalid {where}: {path} is there twice")
        seen.add(path)
        whole_number(file.get("mode", 0), f"{where}: mode of {path}")
        name = a_text(file, "secret_name")
        if name and name not in secrets:
            raise Refused(400, f"invalid {where}: secret {name!r} for {path} does not exist")
        if not name:
            try:
                b64decode(file.get("raw_value") or "", validate=True)
            except (ValueError, TypeError):
                raise Refused(400, f"invalid {where}: raw_value of {path} is not base64") from None


def _service(service: Mapping[str, Any]) -> None:
    if service.get("protocol", "tcp") not in ("tcp", "udp"):
        raise Refused(400, f"invalid service protocol: {service.get('protocol')}")
    _port(service.get("internal_port"), "internal_port")
    for port in _objects(service, "ports", "service"):
        if "port" in port:
            _port(port["port"], "ports.port")
        for handler in _words(port.get("handlers") or [], "service handlers"):
            if handler not in _HANDLERS:
                raise Refused(400, f"invalid service handler: {handler}")
    for check in _objects(service, "checks", "service"):
        _check(check, "service check", needs_port=False)


def _check(check: object, where: str, *, needs_port: bool) -> None:
    if not isinstance(check, dict) or check.get("type") not in ("tcp", "http"):
        raise Refused(400, f"invalid {where}: type must be tcp or http")
    if needs_port or "port" in check:
        _port(check.get("port"), where)


def _port(port: object, where: str) -> None:
    if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
        raise Refused(400, f"invalid {where}: port {port}")


def _absolute(path: object, where: str) -> str:
    if not isinstance(path, str) or not path.startswith("/"):
        raise Refused(400, f"invalid {where}: path {path!r} must be absolute")
    return path


def _one_of(data: Mapping[str, Any], key: str, allowed: tuple[str, ...], where: str) -> None:
    if data.get(key) not in (None, "", *allowed):
        raise Refused(400, f"invalid {where}.{key}: {data[key]!r} is none of {', '.join(allowed)}")


def _words(value: object, what: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise Refused(400, f"invalid {what} must be a list of strings")
    return value


def _texts(data: Mapping[str, Any], key: str, where: str) -> None:
    if not all(isinstance(value, str) for value in an_object(data, key, f"{where}.").values()):
        raise Refused(400, f"invalid {where}.{key}: values must be strings")


def _objects(data: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    found = data.get(key) or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Refused(400, f"invalid {where}.{key}: it must be a list of objects")
    return found
