"""`livenessProbe` and `readinessProbe`: Fly's health checks.

Readiness belongs to the service whose port it asks, so that Fly sends no requests before; where there is no
such service it is a check of the whole Machine, as liveness is. Fly restarts no Machine for a failed check. In a
Machine of several containers each container has its checks, and a failed liveness check does start it again; a
deploy waits for the checks of the Machine only, so the container behind the service has its readiness there too.
"""

from __future__ import annotations

from typing import Any

from scorefly.convert.target import Conversion
from scorefly.score.workload import HttpProbe, Probe

KEYS = {"readiness": "readinessProbe", "liveness": "livenessProbe"}

# What Kubernetes leaves to defaults Score does not say either; these are the values of Fly's own examples.
TIMES = {"interval": "15s", "timeout": "5s", "grace_period": "10s"}
BOUNDS = {"interval": (2, 3600), "timeout": (1, 60), "grace_period": (0, 3600)}  # seconds


def add_probes(conversion: Conversion, service: dict[str, Any], *, contained: bool) -> dict[str, Any]:
    """The service part of fly.toml with its check, and the top-level checks."""
    readiness, liveness = http_probe(conversion, "readiness"), http_probe(conversion, "liveness")
    checks: dict[str, Any] = {}
    if readiness:
        table = _service_of(service, readiness.port)
        if table is not None:
            key = "checks" if table is service.get("http_service") else "http_checks"
            table[key] = [_check(conversion, "readiness", readiness)]
        else:
            checks["readiness"] = _machine_check(conversion, "readiness", readiness)
    elif contained and service and (probe := conversion.container.readiness_probe) and probe.exec_command:
        conversion.note(
            "a deploy does not wait for this readinessProbe: Fly asks containers, not Machines, by command",
            "an httpGet beside it would be waited for",
            conversion.place("readinessProbe"),
        )
    if liveness and not contained:
        checks["liveness"] = _machine_check(conversion, "liveness", liveness)
    return {**service, "checks": checks}


def container_checks(conversion: Conversion) -> list[dict[str, Any]]:
    """The `healthchecks` of one container among several."""
    found = []
    for kind, key in KEYS.items():
        probe: Probe | None = getattr(conversion.container, f"{kind}_probe")
        if probe is None:
            continue
        times = {name: int(text.removesuffix("s")) for name, text in _times(conversion, kind).items()}
        check: dict[str, Any] = {"name": kind, "kind": kind, **times}
        if http := http_probe(conversion, kind, tell=False):
            check["http"] = _container_http(http)
        else:
            check["exec"] = {"command": list(probe.exec_command or ())}
        if not probe.http_get and not probe.exec_command:
            conversion.wrong(f"{key}: exec has no command", "give the words of one", conversion.place(key, "exec"))
        found.append(check | ({"unhealthy": "stop"} if kind == "liveness" else {}))
    return found


def http_probe(conversion: Conversion, kind: str, *, tell: bool = True) -> HttpProbe | None:
    """A probe's httpGet, checked; `tell` is false where that was done before."""
    key = KEYS[kind]
    probe: Probe | None = getattr(conversion.container, f"{kind}_probe")
    if probe is None:
        return None
    if probe.http_get is None or not tell:
        return probe.http_get
    if probe.exec_command is not None:
        conversion.note(f"{key}: httpGet is used, exec is not", "", conversion.place(key))
    http = probe.http_get
    if not http.path.startswith("/") or not _is_printable(http.path) or " " in http.path:
        conversion.wrong(
            f"{key}: {http.path!r} is no path", "begin it with `/`", conversion.place(key, "httpGet", "path")
        )
    if not all(_is_printable(text) for header in http.headers for text in header) or not _is_printable(http.host or ""):
        place = conversion.place(key, "httpGet")
        conversion.wrong(f"{key}: a header or the host holds what no request can", "use printable ASCII", place)
    return http


def _is_printable(text: str) -> bool:
    return text.isascii() and (text.isprintable() or not text)


def _service_of(service: dict[str, Any], port: int) -> dict[str, Any] | None:
    """The service that has this port for its own, whose check the readiness is then."""
    tables = [service["http_service"]] if "http_service" in service else []
    tables += [each for each in service.get("services", ()) if each["protocol"] == "tcp"]
    return next((each for each in tables if each["internal_port"] == port), None)


def _times(conversion: Conversion, kind: str) -> dict[str, str]:
    times = dict(TIMES)
    for name in TIMES:
        annotation = f"{kind}-{name.replace('_', '-')}"
        text = conversion.annotations.get(annotation)
        if text is None:
            continue
        least, most = BOUNDS[name]
        if not least <= int(text.removesuffix("s")) <= most:
            place = conversion.workload.place("metadata", "annotations", f"scorefly/{annotation}")
            conversion.wrong(f"{annotation} is {text}", f"Fly takes {least}s to {most}s", place)
        times[name] = text
    return times


def _machine_check(conversion: Conversion, kind: str, probe: HttpProbe) -> dict[str, Any]:
    return {"type": "http", "port": probe.port, **_check(conversion, kind, probe)}


def _check(conversion: Conversion, kind: str, probe: HttpProbe) -> dict[str, Any]:
    check: dict[str, Any] = {**_times(conversion, kind), "method": "GET", "path": probe.path}
    if probe.scheme == "HTTPS":
        check |= {"protocol": "https", **_tls(probe)}
    headers = _headers(probe)
    return check | ({"headers": headers} if headers else {})


def _container_http(probe: HttpProbe) -> dict[str, Any]:
    check: dict[str, Any] = {"port": probe.port, "method": "GET", "path": probe.path, "scheme": probe.scheme.lower()}
    if probe.scheme == "HTTPS":
        check |= _tls(probe)
    headers = [{"name": name, "values": [value]} for name, value in _headers(probe).items()]
    return check | ({"headers": headers} if headers else {})


def _tls(probe: HttpProbe) -> dict[str, Any]:
    """The certificate is the workload's own business: the probe asks from within the Machine."""
    return {"tls_skip_verify": True, **({"tls_server_name": probe.host} if probe.host else {})}


def _headers(probe: HttpProbe) -> dict[str, str]:
    headers = dict(probe.headers)
    if probe.host and not any(name.lower() == "host" for name in headers):
        headers["Host"] = probe.host
    return headers
