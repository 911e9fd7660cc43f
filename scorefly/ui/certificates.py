"""Certificates of custom hosts and the DNS records to set, at a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from scorefly.fly.certificates import ACTIVE, PENDING_OWNERSHIP, DnsRecord
from scorefly.github.markdown import code, table, text
from scorefly.report.certificates import CertificateReport

_PURPOSES = {
    "address": "traffic",
    "alias": "traffic, in place of A and AAAA",
    "validation": "certificate before traffic arrives; needed for a wildcard",
    "ownership": "proof of ownership; needed behind a proxy",
}
_HEAD = ("type", "name", "value", "for")


def certificate_status(certificate: CertificateReport) -> str:
    """Return the status of a certificate in words."""
    if certificate.rate_limited_until:
        return f"rate limited until {certificate.rate_limited_until}"
    known = {
        "": "requested by a deploy",
        ACTIVE: "active",
        "pending_validation": "waiting for its DNS records",
        PENDING_OWNERSHIP: "waiting for proof of ownership, because another app has the host: set the TXT record",
        "missing": "deleted on Fly; deploy with force to request it again",
    }
    return known.get(certificate.status, certificate.status)


def dns_rows(records: Iterable[DnsRecord]) -> list[tuple[str, str, str, str]]:
    """Return the rows of a table of DNS records."""
    return [(each.type, each.name, each.value, _PURPOSES[each.purpose]) for each in records]


def certificate_lines(
    certificates: Iterable[CertificateReport], table_lines: Callable[[list[Sequence[str]]], list[str]]
) -> list[str]:
    """Return plain lines: the status of each certificate, and its DNS records as `table_lines` shows rows."""
    lines = []
    for certificate in certificates:
        lines.append(f"certificate for {certificate.host} ({certificate.app}): {certificate_status(certificate)}")
        lines += [f"  {error}" for error in certificate.errors]
        if certificate.records:
            lines += [f"  {line}" for line in table_lines([_HEAD, *dns_rows(certificate.records)])]
    return lines


def certificates_markdown(certificates: Sequence[CertificateReport]) -> str:
    """Return a section about the certificates; empty where there are none."""
    if not certificates:
        return ""
    parts = ["### Custom domains"]
    parts.append(
        "\n".join(
            f"- {code(each.host)} ({text(each.app)}): {text('; '.join((certificate_status(each), *each.errors)))}"
            for each in certificates
        )
    )
    rows = [row for each in certificates for row in dns_rows(each.records)]
    if rows:
        shown = [(text(kind), code(name), code(value), text(purpose)) for kind, name, value, purpose in rows]
        parts += ["DNS records to set:", table(("Type", "Name", "Value", "For"), shown)]
    return "\n\n".join(parts)
