"""Plans in the ledger: what a run would change in a unit that is due and cannot run yet."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from scorefly.listen.ledger import Ledger

MAX_APPS = 100
MAX_LINES = 400  # of diffs, in all apps of a unit
MAX_TEXT = 200  # characters of a line
MAX_ITEMS = 20  # reasons, facts or risks of an app
_ACTIONS = ("create", "change", "remove")


class PlannedUnit(Struct, frozen=True):
    """The changes of a unit, or the reason why they are not known."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


class Changes(Struct):
    """The events `change` and `plan` of a plan so far, cut to what a page shows."""

    redact: Callable[[str], str]
    apps: list[dict[str, Any]] = field(default_factory=list)
    others: dict[str, list[str]] = field(default_factory=dict)
    left_out: int = 0  # apps
    _room: int = MAX_LINES

    def add(self, event: Mapping[str, Any]) -> None:
        """Take an event."""
        if event["event"] == "plan":
            self.others = {name: self._texts(event.get(name), MAX_ITEMS) for name in ("resources", "risks", "problems")}
        elif event["event"] == "change" and event.get("action") in _ACTIONS:
            self._add_app(event)

    def data(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {"apps": self.apps, "left_out": self.left_out, **self.others}

    def _add_app(self, event: Mapping[str, Any]) -> None:
        if len(self.apps) >= MAX_APPS:
            self.left_out += 1
            return
        diff = self._texts(event.get("diff"), self._room)
        self._room -= len(diff)
        cut = len(_list(event.get("diff"))) - len(diff)
        self.apps.append(
            {
                "app": self._text(event.get("app")),
                "workload": self._text(event.get("workload")),
                "action": event["action"],
                **{name: self._texts(event.get(name), MAX_ITEMS) for name in ("reasons", "facts", "risks")},
                "diff": [*diff, *([f"… {cut} more lines"] if cut else [])],
            }
        )

    def _texts(self, value: object, limit: int) -> list[str]:
        return [self._text(each) for each in _list(value)[:limit]]

    def _text(self, value: object) -> str:
        text = self.redact(value) if isinstance(value, str) else ""
        return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def record_plan(ledger: Ledger, unit: str, generation: int, planned: PlannedUnit, now: float) -> None:
    """Record what a run to this generation would change."""
    with ledger.transaction():
        if ledger.row("SELECT 1 FROM units WHERE name = ?", unit):
            ledger.execute(
                "INSERT OR REPLACE INTO plans VALUES (?, ?, ?, ?, ?)",
                *(unit, generation, now, json.dumps(planned.changes), planned.error[:500]),
            )


def plans(ledger: Ledger) -> dict[str, dict[str, Any]]:
    """Return the plans of units that are still due, by unit."""
    rows = ledger.rows("SELECT p.* FROM plans p JOIN units u ON p.unit = u.name WHERE u.wanted > u.done")
    return {row["unit"]: {"at": row["at"], "error": row["error"], **json.loads(row["changes"])} for row in rows}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
