"""Decides what may start now: pure functions over rows of the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

MIN_INTERVAL = 5.0  # seconds between two looks at one repository because of hints
FIRST_DELAY = 10.0  # seconds after a first failure
MAX_DELAY = 900.0
RESYNC = 3600.0  # seconds after which a unit is compared with Fly although git did not change


class RepositoryRow(Struct, frozen=True):
    """A followed repository: generations of hints and looks, and when it was and may be looked at.

    `next_hint` is when a hint may cause a look. `next_look` is 0, or the end of the back-off after a failure.
    """

    key: str
    hinted: int
    looked: int
    next_hint: float
    looked_at: float
    next_look: float


class UnitRow(Struct, frozen=True):
    """A unit: the generation that git wants and the one that was deployed, and when it may run again."""

    name: str
    wanted: int
    done: int
    running: bool
    not_before: float
    ended: float
    is_failing: bool = False
    after: tuple[str, ...] = ()
    planned: int = 0  # the generation of its plan
    planned_at: float = 0.0

    @property
    def is_due(self) -> bool:
        """Report whether git names something that was not deployed yet."""
        return self.wanted > self.done


class Start(Struct, frozen=True):
    """The names that may start now, and the time at which to decide again."""

    names: tuple[str, ...]
    wake_at: float


def backoff(attempts: int) -> float:
    """Return the seconds to wait after so many failures in a row."""
    return float(min(FIRST_DELAY * 2 ** min(attempts - 1, 10), MAX_DELAY)) if attempts > 0 else 0.0


def looks_to_start(rows: Iterable[RepositoryRow], busy: Collection[str], slots: int, poll: float, now: float) -> Start:
    """Choose the repositories to look at: those with a hint since their last look, and those a poll is due for."""
    due = [(look_time(row, poll), row.key) for row in rows if row.key not in busy]
    return _first(due, slots, now)


def look_time(row: RepositoryRow, poll: float) -> float:
    """Return when a repository is to be looked at next: after a failure when its back-off ends."""
    if row.next_look:
        return row.next_look
    return min(row.next_hint, row.looked_at + poll) if row.hinted > row.looked else row.looked_at + poll


def runs_to_start(rows: Iterable[UnitRow], slots: int, now: float) -> Start:
    """Choose the units to run: those whose wanted generation is not done, the one that waited longest first.

    A unit waits while one that it comes after is due, runs or fails.
    """
    units = {row.name: row for row in rows}
    idle = [row for row in units.values() if not row.running]
    free = [row for row in idle if not any(_blocks(units[name]) for name in row.after if name in units)]
    if not any(row.running or row.is_failing for row in units.values()) and not any(row.is_due for row in free):
        free = idle  # those that are due come after each other
    return _first([(run_time(row), row.name) for row in free], slots, now)


def plans_to_start(rows: Iterable[UnitRow], starting: Collection[str], slots: int) -> tuple[str, ...]:
    """Choose the units to plan: those that are due, do not start now, and changed or ran since their last plan."""
    names = [
        row.name
        for row in rows
        if row.is_due
        and not row.running
        and row.name not in starting
        and (row.planned < row.wanted or row.planned_at < row.ended)
    ]
    return tuple(names[: max(slots, 0)])


def _blocks(row: UnitRow) -> bool:
    return row.is_due or row.running or row.is_failing


def run_time(row: UnitRow) -> float:
    """Return when a unit is to run next."""
    return row.not_before if row.is_due else max(row.ended + RESYNC, row.not_before)


def _first(due: Sequence[tuple[float, str]], slots: int, now: float) -> Start:
    ready = sorted(each for each in due if each[0] <= now)
    later = min((time for time, _ in due if time > now), default=now + MAX_DELAY)
    return Start(tuple(name for _, name in ready[: max(slots, 0)]), later)
