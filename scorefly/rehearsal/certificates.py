"""Certificates of custom host names, as the Machines API answers for them.

Nothing outside is asked: a certificate becomes active when it is checked often enough, and the first label of a host
decides what else happens to it. `pending` is never validated, `limited` is rate limited by the certificate authority,
`taken` belongs to an app of somebody else, and `owned` waits for proof of ownership until it is checked often enough.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from scorefly.rehearsal import rules
from scorefly.rehearsal.clock import now
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import World
from scorefly.rehearsal.world_file import Json

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)+(?!\d+$){_LABEL}", re.ASCII)
_MAX_LENGTH = 253
_DEFAULT_PAGE, _MAX_PAGE = 25, 500


def listed(world: World, app: str, query: Mapping[str, str]) -> Json:
    """A page of an app's certificates, by host."""
    desired = query.get("filter", "")
    found = [each for host, each in sorted(_all(world, app).items()) if desired in host]
    start = rules.whole_number(query.get("cursor") or 0, "cursor")
    size = min(rules.whole_number(query.get("limit") or _DEFAULT_PAGE, "limit"), _MAX_PAGE)
    after = start + size
    return {
        "certificates": [_summary(each) for each in found[start:after]],
        "next_cursor": str(after) if after < len(found) else "",
        "total_count": len(found),
    }


def request(world: World, app: str, body: Mapping[str, Any]) -> Json:
    """A new certificate. A host that another app has is refused."""
    host = body.get("hostname")
    certificates = _all(world, app)
    if not isinstance(host, str) or len(host) > _MAX_LENGTH or not _HOST.fullmatch(host):
        raise Refused(422, "Validation failed: Hostname is not a fully qualified domain name")
    if host in certificates:
        raise Refused(422, "Validation failed: Hostname already exists on app")
    others = (each.get("certificates", {}) for each in world.data["apps"].values())
    if _first_label(host) == "taken" or any(host in hosts for hosts in others):
        raise Refused(422, "Validation failed: Hostname has already been taken by another app")
    certificates[host] = {"hostname": host, "checks": 0, "created_at": now(), "updated_at": now()}
    world.changed()
    return detail(world, app, host)


def detail(world: World, app: str, host: str) -> Json:
    """A certificate with its status and the DNS records that it needs."""
    certificate = _find(world, app, host)
    status = _status(certificate)
    active = status == "active"
    limited = _first_label(host) == "limited"
    issued = [
        {"type": kind, "expires_at": _later(days=90), "certificate_authority": "lets_encrypt"}
        for kind in ("ecdsa", "rsa")
    ]
    entry = {"source": "fly", "status": status, "created_at": certificate["created_at"]}
    entry |= {"expires_at": _later(days=90), "issuer": "Let's Encrypt", "issued": issued} if active else {"issued": []}
    validation = ("dns_configured", "alpn_configured", "http_configured", "ownership_txt_configured")
    return {
        "hostname": host,
        "configured": active,
        "acme_requested": True,
        "status": status,
        "dns_provider": "",
        **({"rate_limited_until": _later(hours=1)} if limited else {}),
        "certificates": [entry],
        "validation": {key: active and key != "ownership_txt_configured" for key in validation},
        "dns_requirements": _requirements(world.app(app), host),
        "validation_errors": _errors(certificate, limited=limited),
    }


def check(world: World, app: str, host: str) -> Json:
    """Look at the host's DNS again: after enough looks its records are there."""
    certificate = _find(world, app, host)
    # DNS that leads to an app without an address validates nothing.
    certificate["checks"] += bool(_requirements(world.app(app), host)["aaaa"])
    certificate["updated_at"] = now()
    world.changed()
    shown = detail(world, app, host)
    needs, active = shown["dns_requirements"], shown["status"] == "active"
    found = {"a": needs["a"], "aaaa": needs["aaaa"]} if active else {"a": [], "aaaa": []}
    records = {**found, "cname": [], "resolved_addresses": [*found["a"], *found["aaaa"]], "soa": ""}
    return {**shown, "dns_records": {**records, "acme_challenge_cname": "", "ownership_txt": ""}}


def remove(world: World, app: str, host: str) -> None:
    """Take a certificate away."""
    _find(world, app, host)
    del _all(world, app)[host]
    world.changed()


def _all(world: World, app: str) -> dict[str, Json]:
    found: dict[str, Json] = world.app(app).setdefault("certificates", {})
    return found


def _find(world: World, app: str, host: str) -> Json:
    found = _all(world, app).get(host)
    if found is None:
        raise Refused(404, f"certificate for {host} not found")
    return found


def _first_label(host: str) -> str:
    return host.removeprefix("*.").partition(".")[0]


def _status(certificate: Json) -> str:
    label = _first_label(certificate["hostname"])
    if label not in ("pending", "limited") and certificate["checks"] >= 1:
        return "active"
    return "pending_ownership" if label == "owned" else "pending_validation"


def _summary(certificate: Json) -> Json:
    active = _status(certificate) == "active"
    return {
        "hostname": certificate["hostname"],
        "status": _status(certificate),
        "dns_provider": "",
        **dict.fromkeys(("acme_dns_configured", "acme_http_configured", "ownership_txt_configured"), False),
        "acme_alpn_configured": active,
        "configured": active,
        "acme_requested": True,
        "has_custom_certificate": False,
        "has_fly_certificate": active,
        "created_at": certificate["created_at"],
        "updated_at": certificate["updated_at"],
    }


def _requirements(app: Json, host: str) -> Json:
    """An app without an address has nothing that A or AAAA could lead to."""
    public = [each["ip"] for each in app["addresses"] if not each["ip"].startswith("fdaa")]
    name = host.removeprefix("*.")
    mark = hashlib.sha256(f"{app['id']} {host}".encode()).hexdigest()[:12]
    return {
        "a": [ip for ip in public if ":" not in ip],
        "aaaa": [ip for ip in public if ":" in ip],
        "cname": f"{app['id'][:7]}.{app['name']}.fly.dev",
        "acme_challenge": {"name": f"_acme-challenge.{name}", "target": f"{name}.{mark}.flydns.net"},
        "ownership": {
            "name": f"_fly-ownership.{name}",
            "app_value": f"app-{app['id'][:10]}",
            "org_value": f"org-{app['organization']['slug']}",
        },
    }


def _errors(certificate: Json, *, limited: bool) -> list[Json]:
    if limited:
        code, message = "RATE_LIMITED", "too many certificates were issued for this domain"
        remedy = "wait until the limit ends"
    elif _status(certificate) != "active" and certificate["checks"]:
        code, message = "DNS_NOT_CONFIGURED", "the hostname does not resolve to the app"
        remedy = "set the DNS records"
    else:
        return []
    return [{"code": code, "message": message, "remediation": remedy, "timestamp": certificate["updated_at"]}]


def _later(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat(timespec="seconds").replace("+00:00", "Z")
