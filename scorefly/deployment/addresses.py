"""IP addresses that scorefly gives to apps: state knows of each one before Fly does."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from scorefly.fly.api.addresses import AddressView

KINDS = ("v4", "shared_v4", "v6", "private_v6")


def is_ours(address: AddressView, recorded: Collection[str]) -> bool:
    """Decide whether an address was given by scorefly. A kind stands for one whose allocation was not answered."""
    return address.ip in recorded or address.kind in recorded


def resolve_pending(recorded: Iterable[str], present: Iterable[AddressView]) -> tuple[str, ...]:
    """Replace kinds, which stand for addresses whose allocation was not answered, by the addresses of that kind.

    An address is allocated only where the app has none of its kind, so that those that are there now are ours. A kind
    of which there is none was not allocated.
    """
    by_kind: dict[str, list[str]] = {}
    for address in present:
        by_kind.setdefault(address.kind, []).append(address.ip)
    resolved: dict[str, None] = {}
    for entry in recorded:
        resolved.update(dict.fromkeys(by_kind.get(entry, []) if entry in KINDS else [entry]))
    return tuple(resolved)
