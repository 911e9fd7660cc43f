"""`service.ports` and `route` resources: which ports the Internet reaches, and how.

A port is private unless the workload says otherwise: on Fly every app reaches every other at
`<app>.internal:<target port>` without any configuration. It is public when a route names it, when its
Score port is 80 or 443, or when an annotation asks. The annotation `service-<port>-public: "false"` keeps it private.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from scorefly.convert.annotations import PREFIX
from scorefly.convert.exposure import kept_private, made_public_by
from scorefly.convert.reach import addresses_of, url_of
from scorefly.convert.routes import Route, annotation_place, routed_ports
from scorefly.convert.service_tables import (
    HTTP,
    check_public_numbers,
    flycast_service,
    http_service,
    public_service,
    separate_http_services,
)
from scorefly.convert.target import Conversion
from scorefly.fly.app import Port
from scorefly.fly.check.values import HANDLERS
from scorefly.score.workload import ServicePort


class Service(Struct, frozen=True):
    """The part of fly.toml about services, the ports for reports, and what the app needs to be reached."""

    config: dict[str, Any]
    ports: tuple[Port, ...]
    addresses: tuple[str, ...]
    url: str


def convert_service(conversion: Conversion, routes: Sequence[Route]) -> Service:
    """Decide for each port how it is reached."""
    asked = {name: _handlers_of(conversion, port) for name, port in conversion.workload.ports.items()}
    exposed = {name: handlers for name, handlers in asked.items() if handlers is not None}
    routed = routed_ports(conversion, routes)
    served = _served(conversion, routed)
    ports = [
        Port(each.name, each.port, each.target_port, _how(conversion, each, exposed, served))
        for each in conversion.workload.ports.values()
    ]
    for target in routed:
        if all(port.internal != target or not port.public for port in ports):
            ports.append(Port(routed[target].name, target, target, "http"))
    _refuse_public_flycast(conversion, ports)
    flycast = conversion.target.flycast and not any(port.public for port in ports)
    services = [public_service(conversion, conversion.workload.ports[name], how) for name, how in exposed.items()]
    services += separate_http_services(conversion, served) if len(set(served.values())) > 1 else []
    config: dict[str, Any] = {}
    if len(set(served.values())) == 1:
        config["http_service"] = http_service(conversion, next(iter(served.values())))
    if flycast:
        ports = [Port(port.name, port.port, port.internal, "flycast") for port in ports]
        services += [
            flycast_service(conversion, each) for each in conversion.workload.ports.values() if each.protocol == "TCP"
        ]
    check_public_numbers(conversion, config, services)
    if services:
        config["services"] = services
    _note_private(conversion, [port for port in ports if port.how == "private"])
    url = url_of(config, conversion.target.app_name)
    return Service(config, tuple(ports), ("private_v6",) if flycast else addresses_of(config), url)


def _handlers_of(conversion: Conversion, port: ServicePort) -> list[str] | None:
    """Return the handlers of a port that an annotation makes public, or None. An empty list means raw TCP or UDP."""
    annotations = conversion.annotations
    reason = made_public_by(port, annotations)
    if reason in ("handlers", "external-port") and kept_private(port, annotations):
        conversion.wrong(
            f"port {port.name!r} is not to be public, and service-{port.name}-{reason} makes it public",
            "take one of the two annotations out",
            annotation_place(conversion, f"service-{port.name}-public"),
        )
    if reason in ("", "number"):
        return None
    handlers: list[str] | None = annotations.of_ports.get((port.name, "handlers"))
    if handlers is None:
        return []
    place = conversion.workload.place("service", "ports", port.name)
    for handler in handlers:
        if handler not in HANDLERS:
            conversion.wrong(
                f"port {port.name!r}: Fly has no handler {handler!r}", f"it has {', '.join(HANDLERS)}", place
            )
    if handlers and port.protocol == "UDP":
        conversion.wrong(f"port {port.name!r}: Fly has no handlers for UDP", "take the annotation out", place)
    return handlers


def _refuse_public_flycast(conversion: Conversion, ports: Sequence[Port]) -> None:
    """Refuse Flycast beside a public port: it serves what the app publishes, so private ports would be public too."""
    public = [port.name for port in ports if port.public]
    if conversion.annotations.get("flycast") and public:
        name = public[0]
        hint = (
            f'set {PREFIX}service-{name}-public: "false"' if name in conversion.workload.ports else "remove the route"
        )
        conversion.wrong(
            f"flycast is for private apps, and port {name!r} of this one is public",
            f"{hint}, or take {PREFIX}flycast out",
            annotation_place(conversion, "flycast"),
        )


def _served(conversion: Conversion, routed: dict[int, Route]) -> dict[int, int]:
    """Return the target ports that are public on 80 and 443 as HTTP and HTTPS, by public port.

    A route takes both of them. Without a route each of the two may have another target port.
    """
    well_known = {
        each.port: each.target_port
        for each in conversion.workload.ports.values()
        if made_public_by(each, conversion.annotations) == "number"
    }
    if routed:
        first = next(iter(routed))
        for port in list(routed)[1:]:
            _second_route(conversion, port, routed[port])
        for target in {each for each in well_known.values() if each not in routed}:
            place = conversion.workload.place("service", "ports")
            what = f"port {target} would be public on 80 or 443 too, which route {routed[first].name!r} has already"
            conversion.unsupported(what, "serve both from one port, or make two workloads", place)
        return dict.fromkeys(HTTP, first)
    _refuse_same_number(conversion)
    if len(set(well_known.values())) == 1:
        return dict.fromkeys(HTTP, next(iter(well_known.values())))
    return well_known


def _refuse_same_number(conversion: Conversion) -> None:
    """Refuse two service ports that would both be public on 80, or both on 443."""
    first: dict[int, ServicePort] = {}
    for port in conversion.workload.ports.values():
        if made_public_by(port, conversion.annotations) != "number":
            continue
        other = first.setdefault(port.port, port)
        if other.target_port != port.target_port:
            conversion.wrong(
                f"service.ports.{other.name} and service.ports.{port.name} both use port {port.port}; "
                "only one can be public",
                f'give one another number, or set {PREFIX}service-{port.name}-public: "false"',
                conversion.workload.place("service", "ports", port.name),
            )


def _second_route(conversion: Conversion, port: int, route: Route) -> None:
    conversion.unsupported(
        f"route {route.name!r} leads to another port ({port}) than the first: Fly routes by host, not by path",
        "serve both from one port, or make two workloads",
        conversion.workload.place("resources", route.name),
    )


def _how(conversion: Conversion, port: ServicePort, exposed: dict[str, list[str]], served: dict[int, int]) -> str:
    if port.name in exposed:
        if port.protocol == "UDP":
            return "udp"
        return "tls" if "tls" in exposed[port.name] else "http" if "http" in exposed[port.name] else "tcp"
    if (how := conversion.target.published.get(port.target_port)) and port.protocol == "TCP":
        return how
    if port.protocol == "UDP" or kept_private(port, conversion.annotations):
        return "private"
    return "http" if port.target_port in served.values() else "private"


def _note_private(conversion: Conversion, private: Sequence[Port]) -> None:
    if not private:
        return
    app = conversion.target.app_name
    where = ", ".join(f"{port.name} at {app}.internal:{port.internal}" for port in private)
    conversion.note(
        f"private: {where}",
        "a resource of type route makes a port public",
        conversion.workload.place("service", "ports"),
    )
