"""The tables of fly.toml for services: `http_service`, `services` and their ports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scorefly.convert.target import Conversion
from scorefly.score.workload import ServicePort

HTTP = {80: ["http"], 443: ["http", "tls"]}


def http_service(conversion: Conversion, target: int) -> dict[str, Any]:
    """Return the table for a port that is public on 80 and 443."""
    names = [port.name for port in conversion.workload.ports.values() if port.target_port == target] or [""]
    annotations = conversion.annotations
    service = {
        "internal_port": target,
        "force_https": annotations.get("force-https", True),
        **_auto_stop(conversion, names[0]),
        "tls_options": annotations.of(names[0], "tls-options"),
        "http_options": annotations.of(names[0], "http-options"),
    }
    return {key: value for key, value in service.items() if value is not None}


def separate_http_services(conversion: Conversion, served: dict[int, int]) -> list[dict[str, Any]]:
    """Return the tables for two ports, one public on 80 and the other on 443."""
    names = {port.port: port.name for port in conversion.workload.ports.values()}
    return [
        {
            "protocol": "tcp",
            "internal_port": target,
            **_auto_stop(conversion, names[number]),
            "ports": [_public_port(conversion, names[number], number, HTTP[number])],
        }
        for number, target in sorted(served.items())
    ]


def public_service(conversion: Conversion, port: ServicePort, handlers: list[str]) -> dict[str, Any]:
    """Return the table for a port that an annotation makes public at a number."""
    number: int = conversion.annotations.of_ports.get((port.name, "external-port"), port.port)
    place = conversion.workload.place("service", "ports", port.name)
    if not 1 <= number <= 65535:
        conversion.wrong(f"port {port.name!r} cannot be public at {number}", "a port is 1 to 65535", place)
    if port.protocol == "UDP" and port.target_port != number:
        conversion.wrong(
            f"port {port.name!r} is public at {number} and listens on {port.target_port}: Fly moves no UDP port",
            "listen on the same number",
            place,
        )
    return {
        "protocol": port.protocol.lower(),
        "internal_port": port.target_port,
        **_auto_stop(conversion, port.name),
        "ports": [_public_port(conversion, port.name, number, handlers)],
    }


def flycast_service(conversion: Conversion, port: ServicePort) -> dict[str, Any]:
    """Return the table for a private port that is reached through Flycast."""
    running = _auto_stop(conversion, port.name)
    ports = [{"port": port.port}]
    return {"protocol": "tcp", "internal_port": port.target_port, **running, "ports": ports}


def _public_port(conversion: Conversion, name: str, number: int, handlers: list[str]) -> dict[str, Any]:
    annotations = conversion.annotations
    port = {
        "port": number,
        "handlers": handlers or None,
        "force_https": annotations.get("force-https", True) if handlers == ["http"] and number == 80 else None,
        "tls_options": annotations.of(name, "tls-options"),
        "http_options": annotations.of(name, "http-options"),
        "proxy_proto_options": annotations.of(name, "proxy-proto-options"),
    }
    return {key: value for key, value in port.items() if value is not None}


def _auto_stop(conversion: Conversion, port: str) -> dict[str, Any]:
    """Return the settings of idle Machines. A Score workload runs until it is stopped."""
    annotations = conversion.annotations
    stop = annotations.of(port, "auto-stop")
    start = annotations.of(port, "auto-start")
    least = annotations.of(port, "min-running")
    found = {
        "auto_stop_machines": conversion.target.auto_stop if stop is None else stop,
        "auto_start_machines": True if start is None else start,
        "min_machines_running": conversion.target.min_running if least is None else least,
        "concurrency": annotations.of(port, "concurrency"),
    }
    return {key: value for key, value in found.items() if value is not None}


def check_public_numbers(conversion: Conversion, config: dict[str, Any], services: Sequence[dict[str, Any]]) -> None:
    """Refuse a number that two services of one protocol would be public at."""
    taken = {("tcp", number) for number in HTTP} if "http_service" in config else set[tuple[str, int]]()
    for service in services:
        for port in service["ports"]:
            public = (service["protocol"], port["port"])
            if public in taken:
                conversion.wrong(
                    f"two ports of the app would be public at {port['port']}",
                    "give one another number, or the annotation scorefly/service-<port>-external-port",
                    conversion.workload.place("service", "ports"),
                )
            taken.add(public)
