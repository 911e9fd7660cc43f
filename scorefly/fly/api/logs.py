"""Logs of apps."""

from __future__ import annotations

from scorefly.fly.api.client import FlyClient
from scorefly.fly.log import LogLine, read_log


class LogCalls(FlyClient):
    """The calls about logs."""

    def log(self, app: str, after: str = "", machine: str = "") -> tuple[tuple[LogLine, ...], str]:
        """Return the lines of the log of an app after those of an earlier answer, and what to ask for the next ones."""
        query = {"next_token": after, **({"instance": machine} if machine else {})}
        return self.read("GET", f"/apps/{app}/logs", read_log, params=query, base=self.platform)
