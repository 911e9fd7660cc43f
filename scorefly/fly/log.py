"""Lines of an app's log, as Fly's API has them; shapes follow Fly's own client."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from scorefly.http import mapping, objects, text


class LogLine(Struct, frozen=True):
    """A line of a log: `machine` and `region` say where it was written, `at` is RFC 3339."""

    at: str
    message: str
    level: str = ""
    machine: str = ""
    region: str = ""


def read_log(data: Any) -> tuple[tuple[LogLine, ...], str]:
    """Read an answer: its lines, and what to ask for the next ones."""
    data = mapping(data)
    attributes = (
        mapping(each.get("attributes") or {}, "attributes") for each in objects(data.get("data") or [], "data")
    )
    lines = tuple(
        LogLine(
            at=text(each, "timestamp", ""),
            message=text(each, "message", ""),
            level=text(each, "level", ""),
            machine=text(each, "instance", ""),
            region=text(each, "region", ""),
        )
        for each in attributes
    )
    return lines, text(mapping(data.get("meta") or {}, "meta"), "next_token", "")
