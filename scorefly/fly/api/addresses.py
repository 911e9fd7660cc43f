"""IP addresses of apps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from scorefly.fly.api.client import FlyClient, in_network
from scorefly.http import mapping, objects, text


class AddressView(Struct, frozen=True):
    """An IP address; `kind` is v4, shared_v4, v6 or private_v6, `region` global for one that is in all."""

    ip: str
    kind: str
    region: str = ""


class AddressCalls(FlyClient):
    """The calls about addresses."""

    def addresses(self, app: str) -> tuple[AddressView, ...]:
        """The app's IP addresses."""
        return self.read("GET", f"/apps/{app}/ip_assignments", _addresses)

    def allocate_address(self, app: str, kind: str, organization: str, network: str = "", region: str = "") -> str:
        """Gives the app an address, and returns it. Never repeated: it may have it already.

        A `private_v6` is reached from the network that is named.
        """
        where = {"region": region} if region else {}
        body = {"type": kind, "org_slug": organization, **in_network(network), **where}
        path = f"/apps/{app}/ip_assignments"
        return self.read("POST", path, lambda data: text(mapping(data), "ip", ""), json=body)

    def release_address(self, app: str, ip: str) -> None:
        """Takes an address away; one that is gone is fine."""
        path = f"/apps/{app}/ip_assignments"
        self.delete(f"{path}/{ip}", listing=path, listed=lambda data: any(each.ip == ip for each in _addresses(data)))


def _addresses(data: Any) -> tuple[AddressView, ...]:
    found = objects(mapping(data).get("ips") or [], "ips")
    return tuple(AddressView(text(each, "ip"), _address_kind(each), text(each, "region", "")) for each in found)


def _address_kind(data: Mapping[str, Any]) -> str:
    """Fly's answer has no type: it shows in the address."""
    ip = data["ip"]
    if ":" in ip:
        return "private_v6" if ip.lower().startswith("fdaa") else "v6"
    return "shared_v4" if data.get("shared") else "v4"
