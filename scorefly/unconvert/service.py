"""Service ports, probes and their annotations from the services and checks of a fly.toml."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from scorefly.convert.probes import BOUNDS
from scorefly.unconvert.simple import running_annotations, seconds

_OPTIONS = ("http_options", "tls_options", "proxy_proto_options")
_OF_HTTP_PORT = ("port", "handlers", "force_https", "http_options", "tls_options")


class Services(Struct):
    """The service part of a Score file: ports by name, annotations by name without prefix, and probes."""

    ports: dict[str, dict[str, Any]] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    probes: dict[str, Any] = field(default_factory=dict)


def carry_services(document: Mapping[str, Any]) -> Services:
    """Return the ports of a document; what they cannot express is left to the fragment."""
    made = Services()
    services = [each for each in document.get("services") or () if "internal_port" in each]
    http: Mapping[str, Any] | None = document.get("http_service")
    if http is None and services and (as_http := http_of(services[0])):
        http, services = as_http, services[1:]
    raw = [_is_simple(each) for each in services]
    if http:
        _carry_http(made, http, alone=not services)
    for service in services:
        if all(raw) and _is_free(made, service):
            _carry_raw(made, service)
        else:
            _carry_private(made, service)
    _carry_checks(made, document)
    return made


def http_of(service: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a service of ports 80 and 443 as an `[http_service]`; None where it is something else."""
    ports = {each.get("port"): each for each in service.get("ports") or ()}
    if service.get("protocol") != "tcp" or set(ports) != {80, 443} or len(service["ports"]) != 2:
        return None
    plain, tls = ports[80], ports[443]
    if sorted(plain.get("handlers", ())) != ["http"] or sorted(tls.get("handlers", ())) != ["http", "tls"]:
        return None
    if set(plain) - set(_OF_HTTP_PORT) or set(tls) - set(_OF_HTTP_PORT) or service.get("tcp_checks"):
        return None
    if plain.get("tls_options") or tls.get("force_https") or plain.get("http_options") != tls.get("http_options"):
        return None
    http = {
        key: value for key, value in service.items() if key not in ("protocol", "ports", "http_checks", "tcp_checks")
    }
    options = {"http_options": plain.get("http_options"), "tls_options": tls.get("tls_options")}
    http |= {"force_https": plain.get("force_https", False), "checks": service.get("http_checks"), **options}
    return {key: value for key, value in http.items() if value is not None}


def _carry_http(made: Services, http: Mapping[str, Any], *, alone: bool) -> None:
    made.ports["web"] = {"port": 80, "targetPort": http["internal_port"]}
    made.annotations |= running_annotations(http, "" if alone else "service-web-")
    if not http.get("force_https"):
        made.annotations["force-https"] = "false"
    for key in ("http_options", "tls_options"):
        if http.get(key):
            made.annotations[f"service-web-{key.replace('_', '-')}"] = json.dumps(http[key])
    checks = http.get("checks") or []
    if len(checks) == 1 and (probe := _probe(checks[0], http["internal_port"], made.annotations, "readiness")):
        made.probes["readinessProbe"] = probe


def _is_simple(service: Mapping[str, Any]) -> bool:
    """Decide whether a service is one public port with a number of its own, as a Score port with annotations is."""
    ports = service.get("ports") or []
    known = {
        *("protocol", "internal_port", "ports", "concurrency", "processes"),
        *("auto_stop_machines", "auto_start_machines", "min_machines_running"),
    }
    if len(ports) != 1 or set(service) - known or not {"auto_stop_machines", "auto_start_machines"} <= set(service):
        return False
    port = ports[0]
    if (
        "port" not in port
        or set(port) - {"port", "handlers", *_OPTIONS}
        or service.get("protocol") not in ("tcp", "udp")
    ):
        return False
    return bool(service["protocol"] == "tcp" or (not port.get("handlers") and port["port"] == service["internal_port"]))


def _is_free(made: Services, service: Mapping[str, Any]) -> bool:
    number = service["ports"][0]["port"]
    return number not in (80, 443) and all(number != each["port"] for each in made.ports.values())


def _carry_raw(made: Services, service: Mapping[str, Any]) -> None:
    port = service["ports"][0]
    name = f"{service['protocol']}-{port['port']}"
    made.ports[name] = {"port": port["port"], "targetPort": service["internal_port"]}
    if service["protocol"] == "udp":
        made.ports[name]["protocol"] = "UDP"
    prefix = f"service-{name}-"
    handlers = port.get("handlers")
    made.annotations[f"{prefix}handlers" if handlers else f"{prefix}public"] = (
        ",".join(handlers) if handlers else "true"
    )
    made.annotations |= running_annotations(service, prefix)
    for key in _OPTIONS:
        if port.get(key):
            made.annotations[f"{prefix}{key.replace('_', '-')}"] = json.dumps(port[key])


def _carry_private(made: Services, service: Mapping[str, Any]) -> None:
    """A port that other workloads can name; how the Internet reaches it is a fragment."""
    number = service["internal_port"]
    if any(each["targetPort"] == number for each in made.ports.values()):
        return
    name = f"{service.get('protocol') or 'tcp'}-{number}"
    made.ports[name] = {"port": number, **({"protocol": "UDP"} if service.get("protocol") == "udp" else {})}
    made.ports[name]["targetPort"] = number
    if number in (80, 443):
        made.annotations[f"service-{name}-public"] = "false"


def _carry_checks(made: Services, document: Mapping[str, Any]) -> None:
    """Checks of the whole Machine that are called as probes are in Score."""
    for kind in ("readiness", "liveness"):
        check, key = (document.get("checks") or {}).get(kind), f"{kind}Probe"
        if not check or check.get("type") != "http" or check.get("processes") or key in made.probes:
            continue
        port = check.get("port")
        if kind == "readiness" and any(each["targetPort"] == port for each in made.ports.values()):
            continue
        if port and (probe := _probe(check, port, made.annotations, kind)):
            made.probes[key] = probe


def _probe(check: Mapping[str, Any], port: int, annotations: dict[str, str], kind: str) -> dict[str, Any] | None:
    """A check as a probe with its times; None where a probe cannot say all of it."""
    times = {key: seconds(check[key]) for key in BOUNDS if key in check}
    if len(times) != len(BOUNDS) or set(check) - {
        *BOUNDS,
        *("type", "port", "method", "path", "protocol", "headers"),
    } - {
        "tls_skip_verify",
        "tls_server_name",
    }:
        return None
    if any(time is None or not BOUNDS[key][0] <= time <= BOUNDS[key][1] for key, time in times.items()):
        return None
    secure, skips = check.get("protocol") == "https", check.get("tls_skip_verify") is True
    if check.get("method") != "GET" or not check.get("path") or "tls_server_name" in check or secure != skips:
        return None
    if "protocol" in check and not secure:
        return None
    for key, time in times.items():
        annotations[f"{kind}-{key.replace('_', '-')}"] = f"{time}s"
    http: dict[str, Any] = {"port": port, "path": check["path"]}
    if secure:
        http["scheme"] = "HTTPS"
    if check.get("headers"):
        http["httpHeaders"] = [{"name": name, "value": value} for name, value in check["headers"].items()]
    return {"httpGet": http}
