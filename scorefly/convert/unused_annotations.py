"""Warns of annotations that change nothing about the app they are written for, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scorefly.convert.annotations import PREFIX, SCORE_FLYIO
from scorefly.convert.probes import KEYS, TIMES
from scorefly.convert.target import Conversion
from scorefly.fly.machine_config import guest

_OF_SERVICES = ("auto-stop", "auto-start", "min-running", "concurrency")
_OF_VOLUMES = (
    *("volume-size-gb", "volume-snapshot-retention"),
    *("volume-auto-extend-threshold", "volume-auto-extend-increment", "volume-auto-extend-limit"),
)
MAX_SUSPEND_MB = 2048  # fly.io/docs/reference/suspend-resume


def warn_of_unused_annotations(
    conversions: Mapping[str, Conversion], front: Conversion, config: Mapping[str, Any]
) -> None:
    """Add a warning for each annotation that has no effect on the finished fly.toml."""
    unused = (
        *_of_private_ports(front, config),
        *_of_missing_probes(conversions),
        *_of_other_annotations(conversions, front, config),
        *_suspensions(front, config),
    )
    for name, reason in unused:
        for prefix in (PREFIX, SCORE_FLYIO):
            if prefix + name in front.workload.annotations:
                place = front.workload.place("metadata", "annotations", prefix + name)
                front.warn(f"{prefix}{name} has no effect: {reason}", "take it out", place)


def _of_private_ports(front: Conversion, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    served = {each["internal_port"] for each in _services(config)}
    if not served:
        for name in (*_OF_SERVICES, "force-https"):
            yield name, "no port is public or reached through Flycast, and only Fly's proxy stops and starts Machines"
    for port in front.workload.ports.values():
        if port.target_port not in served:
            for name in _OF_SERVICES:
                yield f"service-{port.name}-{name}", f"port {port.name!r} is private"


def _of_missing_probes(conversions: Mapping[str, Conversion]) -> Iterator[tuple[str, str]]:
    for probe, key in KEYS.items():
        if all(getattr(each.container, f"{probe}_probe") is None for each in conversions.values()):
            for name in TIMES:
                yield f"{probe}-{name.replace('_', '-')}", f"there is no {key}"


def _of_other_annotations(
    conversions: Mapping[str, Conversion], front: Conversion, config: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    if not config.get("mounts"):
        for name in _OF_VOLUMES:
            yield name, "no container mounts a volume"
    if not front.annotations.get("release-command"):
        yield "release-command-timeout", "there is no release-command"
    if front.annotations.get("restart-policy") in ("always", "never"):
        yield "restart-retries", "only restart-policy on-failure counts retries"
    if len(conversions) == 1:
        yield "service-container", "there is one container"


def _services(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if config.get("http_service"):
        yield config["http_service"]
    yield from config.get("services", ())


def _suspensions(front: Conversion, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    memory = guest(config)["memory_mb"] if config.get("vm") else 0
    if config.get("swap_size_mb"):
        reason = "Fly suspends no Machine with swap, and stops it instead"
    elif memory > MAX_SUSPEND_MB:
        reason = f"Fly suspends Machines of up to {MAX_SUSPEND_MB} MB, this one has {memory}, and is stopped instead"
    else:
        return
    if front.annotations.get("auto-stop") == "suspend":
        yield "auto-stop", reason
    for port, name in front.annotations.of_ports:
        if name == "auto-stop" and front.annotations.of_ports[port, name] == "suspend":
            yield f"service-{port}-auto-stop", reason
