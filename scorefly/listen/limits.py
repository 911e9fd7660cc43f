"""Limits of what the network may ask: failures per client, and bytes of bodies that are being read."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

MAX_BODY = 5 << 20  # bytes of one body
MAX_BODIES = 32 << 20  # bytes of all bodies at a time
MAX_FAILURES = 10  # per client and minute
WINDOW = 60.0  # seconds
_MAX_CLIENTS = 4096


class FailureLimit:
    """Counts the failures of each client in the last minute, for a bounded number of clients."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def is_exceeded(self, client: str, now: float) -> bool:
        """Report whether a client has failed too often."""
        return len(self._recent(client, now)) >= MAX_FAILURES

    def add(self, client: str, now: float) -> None:
        """Count a failure."""
        self._failures[client] = [*self._recent(client, now), now][-MAX_FAILURES:]
        self._failures.move_to_end(client)
        while len(self._failures) > _MAX_CLIENTS:
            self._failures.popitem(last=False)

    def _recent(self, client: str, now: float) -> list[float]:
        return [at for at in self._failures.get(client, ()) if now - at < WINDOW]


class BodyBudget:
    """The bytes that all bodies may hold at a time."""

    def __init__(self, limit: int = MAX_BODIES) -> None:
        self._free = limit

    def fits(self, length: int) -> bool:
        """Report whether a body of this length may be read now."""
        return length <= self._free

    @contextmanager
    def hold(self, length: int) -> Iterator[None]:
        """Hold the bytes of a body while it is used."""
        self._free -= length
        try:
            yield
        finally:
            self._free += length


def client_name(address: str) -> str:
    """Return the client that an address belongs to: of IPv6 the network of 64 bits, which one customer has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
