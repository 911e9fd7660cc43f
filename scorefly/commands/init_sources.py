"""Score files to start from, made from a fly.toml, a compose file or a Dockerfile."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from scorefly.confined import read_file
from scorefly.problems import Place, input_error
from scorefly.score.document import parse

Notes = tuple[str, ...]

_HEAD = "# What the workload needs, not where it runs: https://docs.score.dev\n"
# Images of servers that scorefly provisions, by the last part of their name.
_SERVERS: Mapping[str, str] = {
    "postgres": "postgres",
    "postgis": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "redis": "redis",
    "valkey": "redis",
    "mongo": "mongodb",
    "rabbitmq": "amqp",
    "minio": "s3",
    "elasticsearch": "elasticsearch",
}
_READ = frozenset({"app", "primary_region", "build", "env", "http_service", "services", "mounts", "deploy"})
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::?-([^}]*))?\}|([A-Za-z_]\w*))", re.ASCII)


class SampleFile(Struct, frozen=True):
    """A Score file to write, and the region that its source names."""

    path: str
    text: str
    region: str = ""


def from_dockerfile(workspace: Path, path: str) -> tuple[tuple[SampleFile, ...], Notes]:
    """Make a Score file that builds the Dockerfile and serves its first exposed port."""
    text = read_file(workspace, "Dockerfile", Place("Dockerfile")).decode(errors="replace")
    exposed = re.search(r"^\s*EXPOSE\s+(\d+)", text, re.MULTILINE | re.IGNORECASE)
    data = _workload(_name(workspace.name), {"image": "."}, int(exposed[1]) if exposed else 8080)
    return (SampleFile(path, _text(data)),), ()


def from_fly_toml(workspace: Path, path: str) -> tuple[tuple[SampleFile, ...], Notes]:
    """Make a Score file of the app's image, variables, port and volume. The notes name what it leaves out."""
    place = Place("fly.toml")
    try:
        config = tomllib.loads(read_file(workspace, "fly.toml", place).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise input_error(f"fly.toml cannot be read: {error}", "correct it, or choose another --from", place) from error
    build, env = _mapping(config.get("build")), _mapping(config.get("env"))
    services = [_mapping(config.get("http_service")), *map(_mapping, _list(config.get("services")))]
    port = next((each["internal_port"] for each in services if isinstance(each.get("internal_port"), int)), None)
    container: dict[str, Any] = {"image": str(build.get("image") or ".")}
    if env:
        container["variables"] = {str(name): _escaped(str(value)) for name, value in env.items()}
    data = _workload(_name(str(config.get("app") or workspace.name)), container, port)
    mounts = [_mapping(each) for each in _list(config.get("mounts"))]
    for mount in mounts[:1]:
        container["volumes"] = {str(mount.get("destination", "/data")): {"source": "${resources.data}"}}
        data["resources"] = {"data": {"type": "volume"}}
    left = sorted(set(config) - _READ)
    notes = (f"fly.toml has more that was not taken over: {', '.join(left)}",) if left else ()
    return (SampleFile(path, _text(data), str(config.get("primary_region") or "")),), notes


def from_compose(workspace: Path, name: str, path: str) -> tuple[tuple[SampleFile, ...], Notes]:
    """Make a Score file of each service. Databases and the like become resources of those that depend on them."""
    data = parse(read_file(workspace, name, Place(name)), name).data
    services = {key: _mapping(each) for key, each in _mapping(data.get("services")).items()}
    servers = {key: _server(str(each.get("image", ""))) for key, each in services.items()}
    apps = {key: each for key, each in services.items() if not servers[key]}
    if not apps:
        raise input_error(f"{name} has no service to make a workload of", "choose another --from", Place(name))
    files = []
    for key, service in apps.items():
        needed = {each for each in _names(service.get("depends_on")) if servers.get(each)}
        workload = _from_service(key, service, {each: servers[each] for each in sorted(needed)})
        files.append(SampleFile(path if len(apps) == 1 else _path(key, service), _text(workload)))
    made = sorted({kind for kind in servers.values() if kind})
    notes = [f"scorefly provisions {', '.join(made)}: see `scorefly provisioners list` for its outputs"] if made else []
    return tuple(files), tuple(notes)


def _path(name: str, service: Mapping[str, Any]) -> str:
    """Return where the Score file goes: beside the Dockerfile that it builds."""
    build = service.get("build")
    context = str(_mapping(build).get("context", ".") if isinstance(build, dict) else build or ".")
    folder = context.removeprefix("./").strip("/")
    return f"{folder}/score.yaml" if folder not in ("", ".") and ".." not in folder else f"{_name(name)}.score.yaml"


def _from_service(name: str, service: Mapping[str, Any], needed: Mapping[str, str]) -> dict[str, Any]:
    container: dict[str, Any] = {"image": "." if service.get("build") else str(service.get("image", "."))}
    for key, target in (("entrypoint", "command"), ("command", "args")):
        if words := service.get(key):
            container[target] = shlex.split(words) if isinstance(words, str) else list(map(str, _list(words)))
    given = service.get("environment")
    pairs = dict(str(each).partition("=")[::2] for each in given) if isinstance(given, list) else _mapping(given)
    resources: dict[str, Any] = {each: {"type": kind, "id": each} for each, kind in needed.items()}
    variables = {str(key): "" if value is None else str(value) for key, value in pairs.items()}
    if variables:
        container["variables"] = {key: _interpolated(value) for key, value in variables.items()}
        if any("${resources.env." in value for value in container["variables"].values()):
            resources["env"] = {"type": "environment"}
    data = _workload(_name(name), container, _port(service.get("ports")))
    return {**data, "resources": resources} if resources else data


def _workload(name: str, container: dict[str, Any], port: int | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "apiVersion": "score.dev/v1b1",
        "metadata": {"name": name},
        "containers": {"main": container},
    }
    if port:
        data["service"] = {"ports": {"web": {"port": 80, "targetPort": port}}}
    return data


def _text(data: Mapping[str, Any]) -> str:
    import yaml

    return _HEAD + yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=110)


def _name(text: str) -> str:
    """Return a workload name: lower-case letters, digits and dashes."""
    name = re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:40].strip("-")
    return name if len(name) > 1 else "web"


def _server(image: str) -> str:
    return _SERVERS.get(image.rpartition("/")[2].partition("@")[0].partition(":")[0], "")


def _interpolated(text: str) -> str:
    """Return a compose value as a Score one: its variables come from the environment resource or their default."""
    return "$$".join(_VARIABLE.sub(_placeholder, part) for part in text.split("$$"))


def _placeholder(match: re.Match[str]) -> str:
    name, default = match[1] or match[3], match[2]
    return f"${{resources.env.{name}}}" if default is None else default


def _escaped(text: str) -> str:
    return text.replace("${", "$${")


def _port(ports: object) -> int | None:
    """Return the container's port of the first published one."""
    for each in _list(ports):
        target = each.get("target") if isinstance(each, dict) else str(each).partition("/")[0].rpartition(":")[2]
        if str(target).isdigit():
            return int(str(target))
    return None


def _names(value: object) -> list[str]:
    return list(map(str, value)) if isinstance(value, list | dict) else []


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
