"""IP addresses that scorefly gives to apps: state knows of each one before Fly does."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from scorefly.fly.addresses import is_pending, matches
from scorefly.fly.api.addresses import AddressView


def is_ours(address: AddressView, recorded: Collection[str]) -> bool:
    """Decide whether an address was given by scorefly. A kind stands for one whose allocation was not answered."""
    return address.ip in recorded or any(matches(each, address) for each in recorded if is_pending(each))


def resolve_pending(recorded: Iterable[str], present: Iterable[AddressView]) -> tuple[str, ...]:
    """Replace kinds, which stand for addresses whose allocation was not answered, by the addresses of that kind.

    An address is allocated only where the app has none of its kind, so that those that are there now are ours. A kind
    of which there is none was not allocated.
    """
    resolved: dict[str, None] = {}
    views = list(present)
    for entry in recorded:
        found = [each.ip for each in views if matches(entry, each)] if is_pending(entry) else [entry]
        resolved.update(dict.fromkeys(found))
    return tuple(resolved)
