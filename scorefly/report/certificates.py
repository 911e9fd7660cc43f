"""Certificates of custom hosts, for reports and plans."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct, to_builtins

from scorefly.fly.certificates import DnsRecord


class CertificateReport(Struct, frozen=True):
    """The certificate of a host. `status` is Fly's: active, pending_validation or pending_ownership.

    `records` are the DNS records to set while it is not active.
    """

    app: str
    workload: str
    host: str
    status: str
    records: tuple[DnsRecord, ...] = ()
    rate_limited_until: str = ""
    errors: tuple[str, ...] = ()


class PlannedCertificate(Struct, frozen=True):
    """The change of the certificate of a host that a deploy would make. `status` is empty where there is none yet."""

    host: str
    action: Literal["create", "keep", "remove"]
    status: str
    records: tuple[DnsRecord, ...] = ()


def certificate_json(certificate: CertificateReport) -> dict[str, Any]:
    """Return a certificate as in the output of `status`."""
    records = [to_builtins(record) for record in certificate.records]
    return {"host": certificate.host, "status": certificate.status, "records": records}


def dns_records_json(certificates: Iterable[CertificateReport]) -> list[dict[str, Any]]:
    """Return the DNS records to set, one object for each."""
    return [
        {
            "workload": certificate.workload,
            "app": certificate.app,
            "host": certificate.host,
            "status": certificate.status,
            "type": record.type,
            "name": record.name,
            "value": record.value,
            "purpose": record.purpose,
        }
        for certificate in certificates
        for record in certificate.records
    ]
