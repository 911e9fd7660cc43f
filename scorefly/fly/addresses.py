"""IP addresses that an app needs, as text: a kind, with a region after `@` where it is in one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scorefly.fly.api.addresses import AddressView

KINDS = ("v4", "shared_v4", "v6", "private_v6")
PUBLIC = ("v4", "shared_v4", "v6")
REGIONAL = ("v4", "v6")  # kinds that can be in one region


def split_address(address: str) -> tuple[str, str]:
    """Return the kind and the region of an address; the region is empty where it is in all."""
    kind, _, region = address.partition("@")
    return kind, region


def is_pending(entry: str) -> bool:
    """Report whether what state has is an address that was asked for, and not yet the address itself."""
    return split_address(entry)[0] in KINDS


def matches(address: str, view: AddressView) -> bool:
    """Report whether an address that an app has is one that it needs."""
    kind, region = split_address(address)
    return view.kind == kind and (not region or view.region == region)


def has_public(addresses: Iterable[str]) -> bool:
    """Report whether the Internet reaches an app by one of its addresses."""
    return any(split_address(each)[0] in PUBLIC for each in addresses)


def missing_addresses(needed: Sequence[str], present: Sequence[AddressView]) -> tuple[str, ...]:
    """Return the addresses that an app lacks; a dedicated IPv4 address takes the place of a shared one."""
    has_v4 = any(each.kind == "v4" for each in present)
    return tuple(
        each
        for each in needed
        if not any(matches(each, view) for view in present) and not (has_v4 and each == "shared_v4")
    )
