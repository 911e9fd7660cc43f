"""`livenessProbe` and `readinessProbe`: Fly's health checks.

Readiness belongs to the service whose port it asks, so that Fly sends no requests before; where there is no
such service it is a check of the whole Machine, as liveness is. Fly restarts no Machine for a failed check.
"""

from __future__ import annotations

from typing import Any

from scorefly.convert.target import Conversion
from scorefly.score.workload import HttpProbe, Probe

# What Kubernetes leaves to defaults Score does not say either; these are the values of Fly's own examples.
TIMES = {"interval": "15s", "timeout": "5s", "grace_period": "10s"}


def add_probes(conversion: Conversion, service: dict[str, Any]) -> dict[str, Any]:
    """The service part of fly.toml with its check, and the top-level checks."""
    checks: dict[str, Any] = {}
    readiness = _http(conversion, "readinessProbe", conversion.container.readiness_probe)
    liveness = _http(conversion, "livenessProbe", conversion.container.liveness_probe)
    http_service = service.get("http_service")
    if readiness and http_service and http_service["internal_port"] == readiness.port:
        service = {"http_service": {**http_service, "checks": [_check(readiness)]}}
    elif readiness:
        checks["readiness"] = {"type": "http", "port": readiness.port, **_check(readiness)}
    if liveness:
        checks["liveness"] = {"type": "http", "port": liveness.port, **_check(liveness)}
    return {**service, "checks": checks}


def _http(conversion: Conversion, key: str, probe: Probe | None) -> HttpProbe | None:
    if probe is None:
        return None
    place = conversion.place(key)
    if probe.http_get is None:
        conversion.unsupported(f"{key}: an exec probe is not in this version", "use httpGet", place)
        return None
    if probe.exec_command is not None:
        conversion.note(f"{key}: httpGet is used, exec is not", "", place)
    if not probe.http_get.path.startswith("/") or any(sign.isspace() for sign in probe.http_get.path):
        conversion.wrong(
            f"{key}: {probe.http_get.path!r} is no path",
            "begin it with `/`",
            conversion.place(key, "httpGet", "path"),
        )
    return probe.http_get


def _check(probe: HttpProbe) -> dict[str, Any]:
    check: dict[str, Any] = {**TIMES, "method": "GET", "path": probe.path}
    headers = dict(probe.headers)
    if probe.host and not any(name.lower() == "host" for name in headers):
        headers["Host"] = probe.host
    if probe.scheme == "HTTPS":
        # The certificate is the workload's own business: the probe asks from within the Machine.
        check |= {"protocol": "https", "tls_skip_verify": True}
        check |= {"tls_server_name": probe.host} if probe.host else {}
    return check | ({"headers": headers} if headers else {})
