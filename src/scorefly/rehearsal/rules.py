"""What Fly refuses. Each rule raises Refused with the status and words the API answers with."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

REGIONS = {
    "ams": "Amsterdam, Netherlands",
    "arn": "Stockholm, Sweden",
    "bom": "Mumbai, India",
    "cdg": "Paris, France",
    "dfw": "Dallas, Texas (US)",
    "ewr": "Secaucus, NJ (US)",
    "fra": "Frankfurt, Germany",
    "gru": "Sao Paulo, Brazil",
    "iad": "Ashburn, Virginia (US)",
    "jnb": "Johannesburg, South Africa",
    "lax": "Los Angeles, California (US)",
    "lhr": "London, United Kingdom",
    "nrt": "Tokyo, Japan",
    "ord": "Chicago, Illinois (US)",
    "sin": "Singapore, Singapore",
    "sjc": "San Jose, California (US)",
    "syd": "Sydney, Australia",
    "yyz": "Toronto, Canada",
}
NEAREST = "ams"

_APP_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
_VOLUME_NAME = re.compile(r"[a-z0-9_]{1,30}", re.ASCII)
_GUESTS = {
    "shared": ((1, 2, 4, 6, 8), 256, 2048, 256),
    "performance": ((1, 2, 4, 6, 8, 10, 12, 14, 16), 2048, 8192, 2048),
}
_ADDRESS_KINDS = ("v4", "shared_v4", "v6", "private_v6")


class Refused(Exception):  # noqa: N818 - an answer of the API
    """An answer that is not 2xx: its status, its words, and its `status` code if it has one."""

    def __init__(self, http: int, error: str, code: str = "unknown") -> None:
        super().__init__(error)
        self.http = http
        self.body = {"error": error, "status": code}


def app_name(name: object) -> str:
    """A name of lower-case letters, digits and dashes, at most 63."""
    if not isinstance(name, str) or not name:
        raise Refused(422, "Validation failed: Name can't be blank")
    if len(name) > 63:
        raise Refused(422, "Validation failed: Name is too long (maximum is 63 characters)")
    if not _APP_NAME.fullmatch(name):
        raise Refused(422, "Validation failed: Name may only contain numbers, lowercase letters and dashes")
    return name


def is_somebody_elses(name: str) -> bool:
    """`taken` and `taken-…` belong to another organization, so that everybody can see what that is like."""
    return name == "taken" or name.startswith("taken-")


def region(code: object) -> str:
    """A region there is; none means the nearest."""
    if code in (None, ""):
        return NEAREST
    if code not in REGIONS:
        raise Refused(422, f"invalid region: {code}")
    return str(code)


def address_kind(kind: object) -> str:
    """One of the kinds of addresses."""
    if kind not in _ADDRESS_KINDS:
        raise Refused(422, f"invalid ip type: {kind}")
    return str(kind)


def volume(body: Mapping[str, Any]) -> tuple[str, str, int]:
    """A volume's name, region and size in GB."""
    name, size = body.get("name"), body.get("size_gb", 3)
    if not isinstance(name, str) or not _VOLUME_NAME.fullmatch(name):
        raise Refused(
            422,
            "Validation failed: Name must only contain lowercase letters, numbers and underscores, 30 at most",
        )
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 500:
        raise Refused(422, "Validation failed: Size gb must be between 1 and 500")
    return name, region(body.get("region")), size


def secret_names(values: object) -> dict[str, str | None]:
    """The values of a secrets update: texts, or null to remove."""
    if not isinstance(values, dict):
        raise Refused(400, "values must be an object")
    for name, value in values.items():
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII):
            raise Refused(422, f"invalid secret name: {name!r}")
        if value is not None and not isinstance(value, str):
            raise Refused(400, f"secret {name} must be a string or null")
    return values


def machine_config(config: object, secrets: Mapping[str, Any]) -> dict[str, Any]:
    """A Machine configuration Fly would start; `secrets` are those the app has."""
    if not isinstance(config, dict):
        raise Refused(400, "config is required")
    image = config.get("image")
    if not isinstance(image, str) or not image or any(sign.isspace() for sign in image):
        raise Refused(400, "invalid config.image: missing image")
    if image.startswith("rehearsal.invalid/missing"):
        raise Refused(404, f"could not find image {image!r}: manifest unknown")
    _guest(config.get("guest") or {})
    _texts(config.get("env") or {})
    _files(config.get("files") or [], secrets)
    if len(config.get("mounts") or []) > 1:
        raise Refused(422, "invalid config.mounts: only one mount per machine is supported")
    for service in config.get("services") or []:
        _service(service)
    for name, check in (config.get("checks") or {}).items():
        _check(check, f"config.checks.{name}", needs_port=True)
    return config


def _guest(guest: Mapping[str, Any]) -> None:
    kind, cpus, memory = guest.get("cpu_kind", "shared"), guest.get("cpus", 1), guest.get("memory_mb", 256)
    if kind not in _GUESTS:
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


def _texts(env: object) -> None:
    if not isinstance(env, dict) or not all(isinstance(value, str) for value in env.values()):
        raise Refused(400, "invalid config.env: values must be strings")


def _files(files: object, secrets: Mapping[str, Any]) -> None:
    seen = set()
    for file in files if isinstance(files, list) else []:
        path = file.get("guest_path", "")
        if not path.startswith("/"):
            raise Refused(400, f"invalid config.files: guest_path {path!r} must be absolute")
        if path in seen:
            raise Refused(400, f"invalid config.files: {path} is there twice")
        seen.add(path)
        name = file.get("secret_name")
        if name and name not in secrets:
            raise Refused(400, f"invalid config.files: secret {name!r} for {path} does not exist")
        if not name:
            try:
                b64decode(file.get("raw_value", ""), validate=True)
            except ValueError:
                raise Refused(400, f"invalid config.files: raw_value of {path} is not base64") from None


def _service(service: Mapping[str, Any]) -> None:
    if service.get("protocol", "tcp") not in ("tcp", "udp"):
        raise Refused(400, f"invalid service protocol: {service.get('protocol')}")
    _port(service.get("internal_port"), "internal_port")
    for port in service.get("ports") or []:
        if "port" in port:
            _port(port["port"], "ports.port")
        for handler in port.get("handlers") or []:
            if handler not in ("http", "tls", "pg_tls", "proxy_proto", "edge_http"):
                raise Refused(400, f"invalid service handler: {handler}")
    for check in service.get("checks") or []:
        _check(check, "service check", needs_port=False)


def _check(check: Mapping[str, Any], where: str, *, needs_port: bool) -> None:
    if check.get("type") not in ("tcp", "http"):
        raise Refused(400, f"invalid {where}: type must be tcp or http")
    if needs_port or "port" in check:
        _port(check.get("port"), where)


def _port(port: object, where: str) -> None:
    if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
        raise Refused(400, f"invalid {where}: port {port}")
