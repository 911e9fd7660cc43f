"""`route` resources: the ports that they make public."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from scorefly.convert.annotations import PREFIX
from scorefly.convert.exposure import kept_private
from scorefly.convert.target import Conversion
from scorefly.problems import Place


class Route(Struct, frozen=True):
    """A `route` resource with its params resolved; `port` is a number or a port's name."""

    name: str
    path: str
    port: int | str


def routed_ports(conversion: Conversion, routes: Sequence[Route]) -> dict[int, Route]:
    """Return the target ports that routes name, each with its first route."""
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
                    annotation_place(conversion, f"service-{each.name}-public"),
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


def annotation_place(conversion: Conversion, name: str) -> Place:
    """Return the place of an annotation in the Score file."""
    return conversion.workload.place("metadata", "annotations", f"{PREFIX}{name}")
