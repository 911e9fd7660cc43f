"""Certificates of custom host names: the calls of the Machines API, and the DNS records that Fly asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Literal

from msgspec import Struct

from scorefly.fly.api import FlyApi
from scorefly.fly.api.errors import RefusedError
from scorefly.http import MAX_PAGES, MalformedAnswerError, mapping, objects, text

ACTIVE = "active"
PENDING_OWNERSHIP = "pending_ownership"
Purpose = Literal["address", "alias", "validation", "ownership"]


class HostTakenError(RefusedError):
    """Fly refused a host name because another app has it."""


class DnsRecord(Struct, frozen=True):
    """A DNS record to set.

    `address` records, or the `alias` in their place, send traffic to the app. `validation` lets Fly issue the
    certificate before traffic arrives, and `ownership` proves who owns the name where neither points to the app.
    """

    type: str
    name: str
    value: str
    purpose: Purpose


class CertificateView(Struct, frozen=True):
    """A certificate as Fly has it: `status` is active, pending_validation or pending_ownership.

    `rate_limited_until` is a time in RFC 3339, or empty. `errors` say why validation failed. A listing has neither
    them nor `records`.
    """

    host: str
    status: str
    records: tuple[DnsRecord, ...] = ()
    rate_limited_until: str = ""
    errors: tuple[str, ...] = ()


def list_certificates(api: FlyApi, app: str) -> dict[str, CertificateView]:
    """Return the app's certificates by host."""

    def read(data: Any) -> tuple[list[Mapping[str, Any]], str]:
        page = mapping(data)
        return objects(page.get("certificates") or [], "certificates"), text(page, "next_cursor", "")

    found: dict[str, CertificateView] = {}
    cursor = ""
    for _ in range(MAX_PAGES):
        query = {"limit": "500", **({"cursor": cursor} if cursor else {})}
        page, cursor = api.read("GET", f"/apps/{app}/certificates", read, params=query)
        found |= {view.host: view for view in map(_view, page)}
        if not cursor or not page:
            break
    return found


def request_certificate(api: FlyApi, app: str, host: str) -> CertificateView:
    """Request a certificate, or return the one that the app already has.

    Raises HostTakenError when another app has the host.
    """
    path = f"/apps/{app}/certificates/acme"
    answer = api.call("POST", path, json={"hostname": host}, repeat=True, accept=(409, 422))
    if answer.status_code < 300:
        with suppress(MalformedAnswerError):
            return answer.read(_view)
    existing = find_certificate(api, app, host)
    if existing is not None:
        return existing
    error = api.error(answer, f"Fly refused a certificate for {host}")
    reason = str(error.problems[0]).lower()
    if any(word in reason for word in ("already", "taken", "in use")):
        raise HostTakenError(*error.problems)
    raise error


def find_certificate(api: FlyApi, app: str, host: str) -> CertificateView | None:
    """Return the app's certificate of a host with its DNS records, or None."""
    path = _path(app, host)
    return api.read("GET", path, _view_or_none, accept=(404,), refused=lambda _status: None)


def check_certificate(api: FlyApi, app: str, host: str) -> CertificateView:
    """Make Fly look at the host's DNS again, and validate it where that is possible."""
    return api.read("POST", f"{_path(app, host)}/check", _view, repeat=True)


def delete_certificate(api: FlyApi, app: str, host: str) -> None:
    """Delete a certificate. It is not an error when the app has none for the host."""
    api.delete(_path(app, host))


def _path(app: str, host: str) -> str:
    return f"/apps/{app}/certificates/{host}"


def _view_or_none(data: Any) -> CertificateView | None:
    return _view(data)


def _view(data: Any) -> CertificateView:
    data = mapping(data)
    host = text(data, "hostname")
    needs = mapping(data.get("dns_requirements") or {}, "dns_requirements")
    failures = objects(data.get("validation_errors") or [], "validation_errors")
    return CertificateView(
        host=host,
        status=text(data, "status", ""),
        records=tuple(_records(host, needs)),
        rate_limited_until=text(data, "rate_limited_until", ""),
        errors=tuple(filter(None, (text(each, "message", "") for each in failures))),
    )


def _records(host: str, needs: Mapping[str, Any]) -> Iterator[DnsRecord]:
    for key, kind in (("a", "A"), ("aaaa", "AAAA")):
        for address in needs.get(key) or ():
            yield DnsRecord(kind, host, str(address), "address")
    # A domain itself cannot have a CNAME: it has other records already.
    if (target := text(needs, "cname", "")) and host.count(".") > 1:
        yield DnsRecord("CNAME", host, _absolute(target), "alias")
    challenge = mapping(needs.get("acme_challenge") or {}, "acme_challenge")
    if target := text(challenge, "target", ""):
        yield DnsRecord("CNAME", _absolute(text(challenge, "name")), _absolute(target), "validation")
    ownership = mapping(needs.get("ownership") or {}, "ownership")
    if value := text(ownership, "app_value", "") or text(ownership, "org_value", ""):
        yield DnsRecord("TXT", _absolute(text(ownership, "name")), value, "ownership")


def _absolute(name: str) -> str:
    return name.removesuffix(".")
