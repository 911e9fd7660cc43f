"""Fly's list prices in US dollars, from its pricing page; what the table does not have gets no price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

AS_OF = "2026-10-09"  # when the page was read
SOURCE = "https://fly.io/docs/about/pricing/"
SECONDS = 30 * 24 * 3600  # of a month on the page

# Per second in Ashburn (iad). A CPU includes memory; what is beyond it is billed by the GB.
_CPU = {"shared": 0.0000008465, "performance": 0.000012732}
_INCLUDED_GB = {"shared": 0.25, "performance": 2.0}
_MEMORY_GB = 0.000002316
_VOLUME_GB = 0.15  # per month
DEDICATED_IPV4 = 2.0  # per month
# Managed Postgres: a cluster by its plan, and its storage by the GB, per month.
MANAGED_POSTGRES = {"basic": 38.0, "starter": 72.0, "launch": 282.0, "scale": 962.0, "performance": 1922.0}
_MANAGED_GB = 0.28
# Upstash Redis: the plans with a fixed price, per month. The other one costs $0.20 per 100,000 commands.
UPSTASH_REDIS = {"fixed 250mb": 10.0, "fixed 1gb": 20.0, "fixed 5gb": 100.0, "fixed 10gb": 200.0, "fixed 50gb": 400.0}

_REGIONS = {
    "ams": 1.038461538,
    "arn": 1.038461538,
    "cdg": 1.134615385,
    "dfw": 1.25,
    "ewr": 1.0,
    "fra": 1.153846154,
    "gru": 1.615384615,
    "iad": 1.0,
    "jnb": 1.302884615,
    "lax": 1.199519231,
    "lhr": 1.134615385,
    "nrt": 1.307692308,
    "ord": 1.25,
    "sin": 1.269230769,
    "sjc": 1.192307692,
    "syd": 1.269230769,
    "yyz": 1.115384615,
}


def machine_price(guest: Mapping[str, Any], region: str) -> float | None:
    """Return what a Machine costs that runs for a whole month; None where its size or region has no price."""
    kind, cpus, memory = guest.get("cpu_kind"), guest.get("cpus"), guest.get("memory_mb")
    if kind not in _CPU or region not in _REGIONS or not isinstance(cpus, int) or not isinstance(memory, int):
        return None
    if guest.get("gpu_kind") or guest.get("gpus"):
        return None
    more_memory = max(0.0, memory / 1024 - cpus * _INCLUDED_GB[kind])
    return (cpus * _CPU[kind] + more_memory * _MEMORY_GB) * _REGIONS[region] * SECONDS


def volume_price(size_gb: int) -> float:
    """Return what a volume costs in a month."""
    return size_gb * _VOLUME_GB


def managed_postgres_price(plan: str, size_gb: int) -> float:
    """Return what a cluster of Managed Postgres costs in a month."""
    return round(MANAGED_POSTGRES[plan] + size_gb * _MANAGED_GB, 2)
