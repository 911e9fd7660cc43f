"""The listing of an organization's Machines as Fly gives it: it may be late, and regions may be missing from it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence

from scorefly.rehearsal.world_file import Json

Summaries = dict[str, list[Json]]  # by organization


class OrganizationListing:
    """Shows Machines as they were `lag` seconds ago, without those in `missing` regions.

    Nothing is remembered where nothing is late. `summaries` returns all Machines as they are now.
    """

    def __init__(self, summaries: Callable[[], Summaries], lag: float = 0.0, missing: Sequence[str] = ()) -> None:
        self.missing = tuple(missing)
        self._summaries = summaries
        self._lag = lag
        self._past: list[tuple[float, str]] = [(0.0, json.dumps(summaries()))] if lag else []
        self._frozen = False

    def freeze(self) -> None:
        """Go on showing what is there now, whatever changes."""
        self._past, self._frozen = [(0.0, json.dumps(self._summaries()))], True

    def thaw(self) -> None:
        """Show everything as it is again."""
        self._past, self._frozen = [], False

    def changed(self) -> None:
        """Remember how it looks after a change."""
        if self._lag and not self._frozen:
            self._past.append((time.monotonic(), json.dumps(self._summaries())))

    def machines(self, organization: str) -> list[Json]:
        """The organization's Machines, those changed longest ago first."""
        shown: Summaries = json.loads(self._seen()) if self._past else self._summaries()
        found = [each for each in shown.get(organization, []) if each["region"] not in self.missing]
        return sorted(found, key=lambda each: (each["updated_at"], each["id"]))

    def _seen(self) -> str:
        until = time.monotonic() - self._lag
        while not self._frozen and len(self._past) > 1 and self._past[1][0] <= until:
            del self._past[0]
        return self._past[0][1]
