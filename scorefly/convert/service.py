"""`service.ports` and `route` resources: which ports the Internet reaches, and how.

A port is private unless the workload says otherwise: on Fly every app reaches every other at
`<app>.internal:<target port>` without any configuration. It is public when a route names it, when its
Score port is 80 or 443, or when an annotation asks. The annotation `service-<port>-public: "false"` keeps it private.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from scorefly.convert.annotations import PREFIX
from scorefly.convert.exposure import kept_private, made_public_by
from scorefly.convert.target import Conversion
from scorefly.fly.app import Port
from scorefly.problems import Place
from scorefly.score.workload import ServicePort

HTTP = {80: ["http"], 443: ["http", "tls"]}
HANDLERS = ("http", "tls", "proxy_proto", "pg_tls", "edge_http")


class Route(Struct, frozen=True):
    """A `route` resource with its params resolved; `port` is a number or a port's name."""

    name: str
    path: str
    port: int | str


class Service(Struct, frozen=True):
    """The part of fly.toml about services, the ports for reports, and what the app needs to be reached."""

    config: dict[str, Any]
    ports: tuple[Port, ...]
    addresses: tuple[str, ...]
    url: str


def convert_service(conversion: Conversion, routes: Sequence[Route]) -> Service:
    """Decides for each port how it is reached."""
    asked = {name: _asked(conversion, port) for name, port in conversion.workload.ports.items()}
    exposed = {name: handlers for name, handlers in asked.items() if handlers is not None}
    routed = _routed(conversion, routes)
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
    services = [_raw(conversion, conversion.workload.ports[name], how) for name, how in exposed.items()]
    services += _two_http(conversion, served) if len(set(served.values())) > 1 else []
    config: dict[str, Any] = {}
    if len(set(served.values())) == 1:
        config["http_service"] = _http_service(conversion, next(iter(served.values())))
    if flycast:
        ports = [Port(port.name, port.port, port.internal, "flycast") for port in ports]
        services += [
            _flycast(conversion, each) for each in conversion.workload.ports.values() if each.protocol == "TCP"
        ]
    _check_numbers(conversion, config, services)
    if services:
        config["services"] = services
    _tell_private(conversion, [port for port in ports if port.how == "private"])
    url = url_of(config, conversion.target.app_name)
    return Service(config, tuple(ports), ("private_v6",) if flycast else addresses_of(config), url)


def _asked(conversion: Conversion, port: ServicePort) -> list[str] | None:
    """The handlers of a port that an annotation makes public, or None; none at all means: as it is."""
    annotations = conversion.annotations
    reason = made_public_by(port, annotations)
    if reason in ("handlers", "external-port") and kept_private(port, annotations):
        conversion.wrong(
            f"port {port.name!r} is not to be public, and service-{port.name}-{reason} makes it public",
            "take one of the two annotations out",
            _annotation_place(conversion, f"service-{port.name}-public"),
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
    """Flycast serves what the app publishes: beside a public port the private ones would be public too."""
    public = [port.name for port in ports if port.public]
    if conversion.annotations.get("flycast") and public:
        name = public[0]
        hint = (
            f'set {PREFIX}service-{name}-public: "false"' if name in conversion.workload.ports else "remove the route"
        )
        conversion.wrong(
            f"flycast is for private apps, and port {name!r} of this one is public",
            f"{hint}, or take {PREFIX}flycast out",
            _annotation_place(conversion, "flycast"),
        )


def _annotation_place(conversion: Conversion, name: str) -> Place:
    return conversion.workload.place("metadata", "annotations", f"{PREFIX}{name}")


def _routed(conversion: Conversion, routes: Sequence[Route]) -> dict[int, Route]:
    """Target ports that routes name, each with its first route."""
    found: dict[int, Route] = {}
    for route in sorted(routes, key=lambda each: each.name):
        place = conversion.workload.place("resources", route.name, "params", "port")
        port = _port_of(conversion, route, place)
        if port is None:
            continue
        if route.path not in ("", "/"):
            at = conversion.workload.place("resources", route.name, "params")
            conversion.note(f"route {route.name!r}: Fly sends every path to the port, not only {route.path}", "", at)
        found.setdefault(port, route)
    return found


def _port_of(conversion: Conversion, route: Route, place: Place) -> int | None:
    ports = conversion.workload.ports
    for each in ports.values():
        if route.port in (each.name, each.port):
            if each.protocol == "UDP":
                conversion.wrong(f"route {route.name!r} leads to UDP port {each.name!r}", "route a TCP port", place)
                return None
            if kept_private(each, conversion.annotations):
                conversion.wrong(
                    f"route {route.name!r} makes port {each.name!r} public, which is not to be public",
                    "remove the route, or the annotation",
                    _annotation_place(conversion, f"service-{each.name}-public"),
                )
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
    if route.port == "":
        hint = f"name a service port ({known})"
        conversion.wrong(
            f"route {route.name!r}: params.port is missing", hint, conversion.workload.place("resources", route.name)
        )
        return None
    conversion.wrong(
        f"route {route.name!r} leads to port {route.port!r}, and there is none", f"there are: {known}", place
    )
    return None


def _served(conversion: Conversion, routed: dict[int, Route]) -> dict[int, int]:
    """Return what stands behind 80 and 443, as HTTP and HTTPS: the target ports by the public ones.

    Routes come first, and make both of them one. Without a route each of the two may have a port of its own.
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
    """Refuse two ports of the container that would both be what is public on 80, or on 443."""
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


def _http_service(conversion: Conversion, target: int) -> dict[str, Any]:
    names = [port.name for port in conversion.workload.ports.values() if port.target_port == target] or [""]
    annotations = conversion.annotations
    service = {
        "internal_port": target,
        "force_https": annotations.get("force-https", True),
        **_running(conversion, names[0]),
        "tls_options": annotations.of(names[0], "tls-options"),
        "http_options": annotations.of(names[0], "http-options"),
    }
    return {key: value for key, value in service.items() if value is not None}


def _two_http(conversion: Conversion, served: dict[int, int]) -> list[dict[str, Any]]:
    names = {port.port: port.name for port in conversion.workload.ports.values()}
    return [
        {
            "protocol": "tcp",
            "internal_port": target,
            **_running(conversion, names[number]),
            "ports": [_port(conversion, names[number], number, HTTP[number])],
        }
        for number, target in sorted(served.items())
    ]


def _raw(conversion: Conversion, port: ServicePort, handlers: list[str]) -> dict[str, Any]:
    """A public port with a number of its own."""
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
        **_running(conversion, port.name),
        "ports": [_port(conversion, port.name, number, handlers)],
    }


def _flycast(conversion: Conversion, port: ServicePort) -> dict[str, Any]:
    running = _running(conversion, port.name)
    ports = [{"port": port.port}]
    return {"protocol": "tcp", "internal_port": port.target_port, **running, "ports": ports}


def _port(conversion: Conversion, name: str, number: int, handlers: list[str]) -> dict[str, Any]:
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


def _running(conversion: Conversion, port: str) -> dict[str, Any]:
    """A Score workload runs until it is told not to; stopping when idle has to be asked for."""
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


def _check_numbers(conversion: Conversion, config: dict[str, Any], services: Sequence[dict[str, Any]]) -> None:
    """Each public number of a protocol once."""
    taken = {("tcp", number) for number in HTTP} if "http_service" in config else set[tuple[str, int]]()
    for service in services:
        for port in service["ports"]:
            mine = (service["protocol"], port["port"])
            if mine in taken:
                conversion.wrong(
                    f"two ports of the app would be public at {port['port']}",
                    "give one another number, or the annotation scorefly/service-<port>-external-port",
                    conversion.workload.place("service", "ports"),
                )
            taken.add(mine)


def addresses_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of public addresses that services need: a shared IPv4 knows HTTP and TLS on their own ports only."""
    services = [each for each in config.get("services", ()) if isinstance(each, Mapping)]
    if not services and "http_service" not in config:
        return ()
    plain = all(
        service.get("protocol", "tcp") == "tcp" and sorted(port.get("handlers", ())) == HTTP.get(port.get("port", 0))
        for service in services
        for port in service.get("ports", ())
        if isinstance(port, Mapping)
    )
    return ("shared_v4" if plain else "v4", "v6")


def url_of(config: Mapping[str, Any], app_name: str) -> str:
    """Return where the Internet reaches the app by HTTPS; empty where it does not."""
    services = [each for each in config.get("services", ()) if isinstance(each, Mapping)]
    ports = [each for service in services for each in service.get("ports", ()) if isinstance(each, Mapping)]
    served = any(port.get("port") == 443 and {"tls", "http"} <= set(port.get("handlers", ())) for port in ports)
    return f"https://{app_name}.fly.dev" if served or config.get("http_service") else ""


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
