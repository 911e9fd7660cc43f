"""Decides what the service starts next, from the ledger and from what is under way."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.listen import sources, units
from scorefly.listen.ledger import Ledger
from scorefly.listen.planner import looks_to_start, plans_to_start, runs_to_start
from scorefly.listen.repository_keys import repository_key
from scorefly.listen.settings import Settings

PARALLEL_LOOKS = 4


class Work(Struct):
    """The work that is under way: keys of repositories, names of units, and the reading of the tree."""

    looking: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    planning: set[str] = field(default_factory=set)
    reads_tree: bool = False
    # No run begins before the project was looked at: it would deploy a commit that is not the newest.
    awaits_look: bool = True
    tree_attempts: int = 0
    tree_not_before: float = 0.0


class Due(Struct, frozen=True):
    """The work that may start now: keys of repositories, names of units, the tree; and when to decide again."""

    looks: tuple[str, ...]
    runs: tuple[str, ...]
    plans: tuple[str, ...]
    reads_tree: bool
    wake_at: float


def decide(ledger: Ledger, settings: Settings, work: Work, now: float) -> Due:
    """Return what is due."""
    slots = PARALLEL_LOOKS - len(work.looking)
    looks = looks_to_start(sources.repositories(ledger), work.looking, slots, settings.poll, now)
    # A unit that is planned does not run: both use its checkout.
    rows = [replace(row, running=row.running or row.name in work.planning) for row in units.unit_rows(ledger)]
    slots = settings.parallel - len(work.running) - len(work.planning)
    runs = runs_to_start(rows, slots, now)
    project = settings.project
    row = ledger.row("SELECT value FROM refs WHERE key = ? AND ref = ?", repository_key(project.url), project.ref)
    is_old = bool(row and row["value"] and row["value"] != ledger.get("tree"))
    is_stale = is_old or bool(ledger.get("tree_is_stale"))
    reads_tree = is_stale and not work.reads_tree and now >= work.tree_not_before
    # A new tree decides which units there are: none starts while it is read for the first time after a change.
    awaits_tree = work.awaits_look or (is_stale and not work.tree_attempts)
    names = () if awaits_tree else runs.names
    has_plans = not (awaits_tree or settings.dispatch)
    plans = plans_to_start(rows, runs.names, slots - len(names)) if has_plans else ()
    wake_at = min(looks.wake_at, runs.wake_at, work.tree_not_before if is_stale else runs.wake_at)
    return Due(looks.names, names, plans, reads_tree, max(wake_at, now + 0.05) if not reads_tree else now + 1)
