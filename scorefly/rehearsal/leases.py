"""Leases: one client's right to change a Machine, until it lets go or the time is up."""

from __future__ import annotations

import secrets
import time

from scorefly.rehearsal.rules import Refused, whole_number
from scorefly.rehearsal.world_file import Json

_SECONDS = 30


def guard(machine: Json, nonce: str) -> None:
    """Refuses whoever does not hold the lease, where there is one."""
    lease = held(machine)
    if lease is not None and lease["nonce"] != nonce:
        raise Refused(409, f"lease currently held by {lease['owner']}, expires at {lease['expires_at']}")


def held(machine: Json) -> Json | None:
    """The lease that is in force."""
    lease: Json | None = machine["lease"]
    return lease if lease is not None and lease["expires_at"] > time.time() else None


def take(machine: Json, nonce: str, seconds: object) -> Json:
    """A new lease, or more time for its holder. `seconds` is what the client asked for, if it did."""
    guard(machine, nonce)
    lasts = whole_number(seconds, "ttl") if seconds not in (None, "") else _SECONDS
    lease: Json = {
        "nonce": (held(machine) or {}).get("nonce") or secrets.token_hex(8),
        "expires_at": int(time.time()) + lasts,
        "owner": "somebody@example.com",
        "version": machine["instance_id"],
    }
    machine["lease"] = lease
    return lease


def wrapped(lease: Json) -> Json:
    """As Fly's own client wants it; the published API has it flat."""
    return {"status": "success", "data": lease}
