"""`service.ports` and `route` resources: which ports the Internet reaches, and how.

A port is private unless the workload says otherwise: on Fly every app reaches every other at
`<app>.internal:<target port>` without any configuration. It is public when a route names it, or when its
Score port is 80 or 443.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scorefly.convert.target import Conversion
from scorefly.fly.app import Port
from scorefly.problems import Place
from scorefly.score.workload import ServicePort

HTTP_PORTS = (80, 443)


@dataclass(frozen=True, slots=True)
class Route:
    """A `route` resource with its params resolved; `port` is a number or a port's name."""

    name: str
    host: str
    path: str
    port: int | str


@dataclass(frozen=True, slots=True)
class Service:
    """The part of fly.toml about services, the ports for reports, and what the app needs to be reached."""

    config: dict[str, Any]
    ports: tuple[Port, ...]
    addresses: tuple[str, ...]
    url: str


def convert_service(conversion: Conversion, routes: Sequence[Route]) -> Service:
    """Finds the one port that is served as HTTP; all others stay private."""
    routed = _routed(conversion, routes)
    public = dict.fromkeys([*routed, *(each.target_port for each in _well_known(conversion))])
    served = next(iter(public), None)
    for port in list(public)[1:]:
        _second_public(conversion, port, routed.get(port))
    ports = [
        Port(
            each.name,
            each.port,
            each.target_port,
            "http" if each.target_port == served and each.protocol == "TCP" else "private",
        )
        for each in conversion.workload.ports.values()
    ]
    if served is not None and all(port.internal != served for port in ports):
        ports.append(Port(routed[served].name, served, served, "http"))
    _tell_private(conversion, [port for port in ports if not port.public])
    if served is None:
        return Service({}, tuple(ports), (), "")
    config = {
        "http_service": {
            "internal_port": served,
            "force_https": True,
            # A Score workload runs until it is told not to; stopping when idle is for an annotation to ask.
            "auto_stop_machines": "off",
            "auto_start_machines": True,
        }
    }
    return Service(config, tuple(ports), ("shared_v4", "v6"), f"https://{conversion.target.app_name}.fly.dev")


def _routed(conversion: Conversion, routes: Sequence[Route]) -> dict[int, Route]:
    """Target ports that routes name, each with its first route."""
    found: dict[int, Route] = {}
    for route in sorted(routes, key=lambda each: each.name):
        place = conversion.workload.place("resources", route.name, "params", "port")
        port = _port_of(conversion, route, place)
        if port is None:
            continue
        _check_host_and_path(conversion, route)
        found.setdefault(port, route)
    return found


def _port_of(conversion: Conversion, route: Route, place: Place) -> int | None:
    ports = conversion.workload.ports
    for each in ports.values():
        if route.port in (each.name, each.port):
            if each.protocol == "UDP":
                conversion.wrong(f"route {route.name!r} leads to UDP port {each.name!r}", "route a TCP port", place)
                return None
            return each.target_port
    if isinstance(route.port, int) and 1 <= route.port <= 65535:
        targets = [each.target_port for each in ports.values()]
        if route.port not in targets:
            conversion.warn(
                f"route {route.name!r} leads to {route.port}, no service port: taken for the container's own",
                "add it to service.ports",
                place,
            )
        return route.port
    known = ", ".join(ports) or "none"
    conversion.wrong(
        f"route {route.name!r} leads to port {route.port!r}, and there is none", f"there are: {known}", place
    )
    return None


def _check_host_and_path(conversion: Conversion, route: Route) -> None:
    at = conversion.workload.place("resources", route.name, "params")
    own = f"{conversion.target.app_name}.fly.dev"
    if route.host and route.host != own:
        conversion.note(
            f"route {route.name!r} is for {route.host}, which Fly does not know yet",
            f"`fly certs add {route.host} -a {conversion.target.app_name}`, and point its DNS at {own}",
            at,
        )
    if route.path not in ("", "/"):
        conversion.note(f"route {route.name!r}: Fly sends every path to the port, not only {route.path}", "", at)


def _well_known(conversion: Conversion) -> list[ServicePort]:
    return [each for each in conversion.workload.ports.values() if each.port in HTTP_PORTS and each.protocol == "TCP"]


def _second_public(conversion: Conversion, port: int, route: Route | None) -> None:
    if route:
        place = conversion.workload.place("resources", route.name)
        what = f"route {route.name!r} leads to another port ({port}) than the first: Fly routes by host, not by path"
    else:
        place = conversion.workload.place("service", "ports")
        what = f"port {port} would be public on 80 and 443 too, and the app has one such port"
    conversion.unsupported(what, "serve both from one port, or make two workloads", place)


def _tell_private(conversion: Conversion, private: Sequence[Port]) -> None:
    if not private:
        return
    app = conversion.target.app_name
    where = ", ".join(f"{port.name} at {app}.internal:{port.internal}" for port in private)
    conversion.note(
        f"private: {where}",
        "a resource of type route makes a port public",
        conversion.workload.place("service", "ports"),
    )
