"""Decides which service ports the Internet reaches without a route: the one place for it."""

from __future__ import annotations

from scorefly.convert.read_annotations import Annotations
from scorefly.score.workload import ServicePort

HTTP_PORTS = (80, 443)


def made_public_by(port: ServicePort, annotations: Annotations) -> str:
    """Return what makes a port public: the name of an annotation, `number` for 80 and 443, or nothing.

    `service-<port>-public: "false"` keeps a port private whatever its number is.
    """
    for name in ("handlers", "external-port"):
        if (port.name, name) in annotations.of_ports:
            return name
    public = annotations.of_ports.get((port.name, "public"))
    if public is None:
        return "number" if port.port in HTTP_PORTS and port.protocol == "TCP" else ""
    return "public" if public else ""


def kept_private(port: ServicePort, annotations: Annotations) -> bool:
    """Report whether an annotation says that the Internet must not reach a port."""
    return annotations.of_ports.get((port.name, "public")) is False
