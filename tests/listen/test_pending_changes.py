"""What is kept of a plan: bounded, redacted, and only while a unit is due."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scorefly.listen.ledger import Ledger
from scorefly.listen.pending import MAX_APPS, MAX_LINES, MAX_TEXT, Changes, PlannedUnit, plans, record_plan
from scorefly.listen.planner import UnitRow, plans_to_start
from scorefly.listen.units import Outcome, Tree, Unit, begin_run, due_unit, end_run, replace_tree, unit_rows


def change(**members: Any) -> dict[str, Any]:
    return {"event": "change", "app": "acme-web", "action": "change", **members}


def test_a_plan_of_any_size_is_cut() -> None:
    changes = Changes(str)
    for _ in range(MAX_APPS + 7):
        changes.add(change(diff=["+" + "x" * 10_000] * 300, reasons=["y" * 10_000] * 1000, facts="no list"))
    changes.add({"event": "plan", "risks": ["z"] * 1000, "problems": [1, None]})
    data = changes.data()
    assert (len(data["apps"]), data["left_out"]) == (MAX_APPS, 7)
    assert sum(len([line for line in app["diff"] if line[0] == "+"]) for app in data["apps"]) == MAX_LINES
    assert data["apps"][0]["diff"][0] == "+" + "x" * (MAX_TEXT - 1) + "…"
    assert data["apps"][-1]["diff"] == ["… 300 more lines"]
    assert len(json.dumps(data)) < 1_000_000


def test_secrets_are_taken_out_of_a_plan() -> None:
    changes = Changes(lambda text: text.replace("hunter22", "***"))
    changes.add(change(diff=["+ hunter22"], reasons=["hunter22"]))
    changes.add({"event": "plan", "problems": ["hunter22"]})
    assert "hunter22" not in json.dumps(changes.data())


@pytest.mark.parametrize("event", [{"event": "change"}, change(action="explode"), {"event": "plan", "risks": 7}])
def test_an_event_of_another_shape_changes_nothing(event: dict[str, Any]) -> None:
    changes = Changes(str)
    changes.add(event)
    assert changes.data()["apps"] == []


def test_a_unit_is_planned_while_it_waits_and_again_after_a_run() -> None:
    def row(**changes: Any) -> UnitRow:
        return UnitRow(
            **{"name": "a", "wanted": 2, "done": 1, "running": False, "not_before": 0, "ended": 5, **changes}
        )

    assert plans_to_start([row()], (), 1) == ("a",)
    assert plans_to_start([row(planned=2, planned_at=4.0)], (), 1) == ("a",)
    for rows, starting, slots in (
        ([row(planned=2, planned_at=6.0)], (), 1),
        ([row(done=2)], (), 1),
        ([row(running=True)], (), 1),
        ([row()], ("a",), 1),
        ([row()], (), 0),
    ):
        assert plans_to_start(rows, starting, slots) == ()


def test_a_plan_goes_with_the_run_that_did_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    replace_tree(ledger, ("/srv/environments", "HEAD"), "c" * 40, Tree((Unit("staging", ()),)))
    due = due_unit(ledger, "staging")
    assert due
    record_plan(ledger, "staging", due.generation, PlannedUnit({"apps": []}), 1.0)
    record_plan(ledger, "unknown", 1, PlannedUnit(error="x"), 1.0)
    assert list(plans(ledger)) == ["staging"]
    assert [(row.planned, row.planned_at) for row in unit_rows(ledger)] == [(due.generation, 1.0)]
    for status, kept in (("failed", ["staging"]), ("ok", [])):
        run = begin_run(ledger, "staging", 2.0)
        assert run
        end_run(ledger, run, Outcome(status), 3.0)
        assert list(plans(ledger)) == kept
    ledger.close()
