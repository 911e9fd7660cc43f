"""Units in the ledger: what is due, what runs, and what came of it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field

from scorefly.listen.ledger import Ledger
from scorefly.listen.notices import add_notice
from scorefly.listen.planner import UnitRow, backoff
from scorefly.listen.repository_keys import repository_key
from scorefly.listen.sources import TREE, poll_all, replace_follows

KEPT_RUNS = 50  # per unit
KEPT_LOGS = 3  # per unit
MAX_LOG = 64 << 10  # characters

# A run that ends like this left nothing to repeat; `invalid` waits for another commit.
DONE = ("ok", "invalid")
FAILING = ("failed", "invalid")


class Unit(Struct, frozen=True):
    """A unit of the tree: its name, the arguments of `scorefly sync`, and the sources it follows (address, ref)."""

    name: str
    arguments: tuple[str, ...]
    follows: tuple[tuple[str, str], ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


class Tree(Struct, frozen=True):
    """The units of a project, and the sources of projects that it includes."""

    units: tuple[Unit, ...]
    includes: tuple[tuple[str, str], ...] = ()


class Run(Struct, frozen=True):
    """A run that began. `generation` is what it brings the unit to when it ends well."""

    id: int
    unit: str
    generation: int
    arguments: tuple[str, ...]
    commits: Mapping[str, str] = field(default_factory=dict)
    instance: str = ""


class DueUnit(Struct, frozen=True):
    """A unit to plan, and the generation that a run would bring it to."""

    name: str
    generation: int


class Outcome(Struct, frozen=True):
    """The outcome of a run: `ok`, `failed`, `invalid` (the input is wrong) or `interrupted`, and the apps it named."""

    status: str
    reason: str = ""
    log: str = ""
    apps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    complete: bool = False  # the apps are all there are: others are gone


def unit_rows(ledger: Ledger) -> list[UnitRow]:
    """Return what decides about the next runs."""
    rows = ledger.rows(
        "SELECT name, wanted, done, running, not_before, ended, status, after, ifnull(generation, 0) AS planned, "
        "ifnull(at, 0) AS planned_at FROM units LEFT JOIN plans ON unit = name"
    )
    return [
        UnitRow(
            name=row["name"],
            wanted=row["wanted"],
            done=row["done"],
            running=bool(row["running"]),
            not_before=row["not_before"],
            ended=row["ended"],
            is_failing=row["status"] in FAILING,
            after=tuple(json.loads(row["after"])),
            planned=row["planned"],
            planned_at=row["planned_at"],
        )
        for row in rows
    ]


def replace_tree(ledger: Ledger, root: tuple[str, str], commit: str, tree: Tree) -> None:
    """Record the tree at a commit of the root: its units are due, and those it no longer has are forgotten."""
    units = tree.units
    with ledger.transaction():
        for unit in units:
            ledger.execute(
                "INSERT INTO units(name, arguments, details, after) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "arguments = excluded.arguments, details = excluded.details, after = excluded.after, "
                "wanted = wanted + 1, attempts = 0, not_before = 0",
                unit.name,
                json.dumps(unit.arguments),
                json.dumps(unit.details),
                json.dumps(unit.details.get("after", ())),
            )
        names = {unit.name for unit in units}
        for row in ledger.rows("SELECT name FROM units"):
            if row["name"] not in names:
                for table, column in (("units", "name"), ("apps", "unit"), ("runs", "unit"), ("plans", "unit")):
                    ledger.execute(f"DELETE FROM {table} WHERE {column} = ?", row["name"])  # noqa: S608 - constants
        follows = [(unit.name, url, ref) for unit in units for url, ref in unit.follows]
        replace_follows(ledger, root, [*follows, *((TREE, url, ref) for url, ref in tree.includes)])
        # The tree may be newer than the look that asked for it.
        key = repository_key(root[0])
        ledger.put("root_key", key)
        ledger.execute("UPDATE refs SET value = ? WHERE key = ? AND ref = ?", commit, key, root[1])
        ledger.put("tree", commit)
        ledger.put("tree_is_stale", "")
        ledger.put("tree_error", "")


def request(ledger: Ledger, names: Iterable[str] | None) -> tuple[str, ...]:
    """Make units due, whether or not git changed; all of them without names. Returns those that exist."""
    with ledger.transaction():
        poll_all(ledger)
        if names is None:
            names = [row["name"] for row in ledger.rows("SELECT name FROM units ORDER BY name")]
        known = [name for name in names if ledger.row("SELECT 1 FROM units WHERE name = ?", name)]
        for name in known:
            ledger.execute("UPDATE units SET wanted = wanted + 1, not_before = 0 WHERE name = ?", name)
    return tuple(known)


def due_unit(ledger: Ledger, name: str) -> DueUnit | None:
    """Return a unit to plan, unless it is gone or done."""
    row = ledger.row("SELECT wanted FROM units WHERE name = ? AND wanted > done AND NOT running", name)
    return DueUnit(name, row["wanted"]) if row else None


def environments(ledger: Ledger) -> dict[str, str]:
    """Return the environment of every unit."""
    rows = ledger.rows("SELECT name, details FROM units")
    return {row["name"]: str(json.loads(row["details"]).get("environment", "")) for row in rows}


def begin_run(ledger: Ledger, name: str, now: float) -> Run | None:
    """Record that a unit's run begins. Events from now on make it run once more."""
    with ledger.transaction():
        row = ledger.row("SELECT wanted, arguments, running FROM units WHERE name = ?", name)
        if row is None or row["running"]:
            return None
        commits = ledger.rows(
            "SELECT f.key, f.ref, r.value FROM follows f JOIN refs r USING (key, ref) WHERE f.unit = ?", name
        )
        shown = {each["key"] if each["ref"] == "HEAD" else f"{each[0]}#{each[1]}": each["value"] for each in commits}
        shown = {ledger.get("root_key", "project"): ledger.get("tree"), **shown}
        identity = ledger.execute(
            "INSERT INTO runs(unit, generation, began, commits) VALUES (?, ?, ?, ?)",
            name,
            row["wanted"],
            now,
            json.dumps(shown),
        )
        ledger.execute("UPDATE units SET running = ? WHERE name = ?", identity, name)
    return Run(identity, name, row["wanted"], tuple(json.loads(row["arguments"])), shown, ledger.get("instance"))


def note_process(ledger: Ledger, run: Run, pid: int, started: int) -> None:
    """Record the process of a run, so that a listener that is started anew can end it."""
    ledger.execute("UPDATE runs SET pid = ?, pid_started = ? WHERE id = ?", pid, started, run.id)


def end_run(ledger: Ledger, run: Run, outcome: Outcome, now: float, *, notify: bool = False) -> None:
    """Record how a run ended. A unit that fails now, or no longer, makes a notice where somebody is to be notified."""
    with ledger.transaction():
        row = ledger.row("SELECT attempts, status FROM units WHERE name = ? AND running = ?", run.unit, run.id)
        ledger.execute(
            "UPDATE runs SET ended = ?, status = ?, reason = ?, log = ? WHERE id = ?",
            *(now, outcome.status, outcome.reason, outcome.log[-MAX_LOG:], run.id),
        )
        if row is None:  # the tree lost the unit meanwhile
            return
        is_done = outcome.status in DONE
        attempts = 0 if is_done or outcome.status == "interrupted" else row["attempts"] + 1
        ledger.execute(
            "UPDATE units SET running = 0, ended = ?, attempts = ?, not_before = ?, done = max(done, ?) WHERE name = ?",
            *(now, attempts, now + backoff(attempts), run.generation if is_done else 0, run.unit),
        )
        if outcome.status == "ok":
            ledger.execute("DELETE FROM plans WHERE unit = ?", run.unit)
        _record_apps(ledger, run, outcome, now)
        _trim(ledger, run.unit)
        if outcome.status == "interrupted":
            return
        if outcome.status != row["status"]:
            ledger.execute(
                "UPDATE units SET status = ?, status_since = ? WHERE name = ?", outcome.status, now, run.unit
            )
        was_good, is_good = row["status"] in ("ok", "new"), outcome.status == "ok"
        if notify and was_good != is_good:
            data = {"unit": run.unit, "status": outcome.status, "reason": outcome.reason, "run": run.id}
            add_notice(ledger, "recovered" if is_good else "failed", {**data, "commits": run.commits}, now)


def recover(ledger: Ledger, now: float) -> list[tuple[int, int]]:
    """Record that runs of a listener that is gone did not end; their units are still due. Returns their processes."""
    with ledger.transaction():
        if not ledger.get("instance"):
            ledger.put("instance", secrets.token_hex(16))
        ledger.execute("UPDATE notices SET not_before = 0")
        lost = ledger.rows("SELECT pid, pid_started FROM runs WHERE status = 'running'")
        ledger.execute(
            "UPDATE runs SET status = 'interrupted', ended = ?, reason = 'the listener ended' WHERE status = 'running'",
            now,
        )
        # Also a unit whose generation was done by a run for nothing but a comparison is looked at again.
        ledger.execute("UPDATE units SET wanted = max(wanted, done + 1), running = 0 WHERE running != 0")
    return [(row["pid"], row["pid_started"]) for row in lost if row["pid"]]


def _record_apps(ledger: Ledger, run: Run, outcome: Outcome, now: float) -> None:
    for app, fresh in outcome.apps.items():
        row = ledger.row("SELECT details FROM apps WHERE unit = ? AND app = ?", run.unit, app)
        if fresh.get("status") == "destroyed":
            ledger.execute("DELETE FROM apps WHERE unit = ? AND app = ?", run.unit, app)
            continue
        details = _app_details(json.loads(row["details"]) if row else {}, fresh, run, now)
        ledger.execute(
            "INSERT INTO apps VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET details = excluded.details",
            *(run.unit, app, json.dumps(details)),
        )
    if outcome.complete:
        unit = ledger.row("SELECT details FROM units WHERE name = ?", run.unit)
        suspended = json.loads(unit["details"]).get("suspended") or {} if unit else {}
        for row in ledger.rows("SELECT app, details FROM apps WHERE unit = ?", run.unit):
            if row["app"] not in outcome.apps and json.loads(row["details"]).get("workload") not in suspended:
                ledger.execute("DELETE FROM apps WHERE unit = ? AND app = ?", run.unit, row["app"])


def _app_details(before: Mapping[str, Any], fresh: Mapping[str, Any], run: Run, now: float) -> dict[str, Any]:
    """Merge what a run said of an app into what is known. A workload without a source has the project's commit."""
    kept = {name: before[name] for name in ("workload", "url", "image", "region", "commit") if name in before}
    runs = fresh.get("status") in ("created", "deployed", "unchanged")
    own = {"commit": next(iter(run.commits.values()), "")} if runs and not fresh.get("commit") else {}
    has_changed = fresh.get("status") in ("created", "deployed") or "since" not in before
    return {**kept, **fresh, **own, "since": now if has_changed else before["since"]}


def _trim(ledger: Ledger, unit: str) -> None:
    newest = "SELECT id FROM runs WHERE unit = ? ORDER BY id DESC LIMIT ?"
    ledger.execute(f"DELETE FROM runs WHERE unit = ? AND id NOT IN ({newest})", unit, unit, KEPT_RUNS)  # noqa: S608
    ledger.execute(
        f"UPDATE runs SET log = '' WHERE unit = ? AND log != '' AND id NOT IN ({newest})",  # noqa: S608
        *(unit, unit, KEPT_LOGS),
    )
