"""Times as Fly writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def now(seconds_ago: float = 0) -> str:
    """Return a time as Fly writes it."""
    return (
        (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    )


def milliseconds(seconds_ago: float = 0) -> int:
    """Return a time as events of Machines have it."""
    return int((datetime.now(UTC) - timedelta(seconds=seconds_ago)).timestamp() * 1000)
