"""The addresses and the URL by which the Internet reaches the services of a fly.toml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorefly.convert.service_tables import HTTP


def addresses_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the kinds of public addresses that services need.

    A shared IPv4 address serves HTTP and TLS on their own ports only.
    """
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
