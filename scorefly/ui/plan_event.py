"""A plan as events for programs: one for each app that changes, with a shortened diff."""

from __future__ import annotations

from collections.abc import Iterator

from scorefly.report.plan import Plan, PlannedApp
from scorefly.ui.plan_view import changes, facts, risks, shorten_diff

MAX_DIFF = 200  # lines of one app: readers of lines have limits


def change_events(plan: Plan) -> Iterator[dict[str, object]]:
    """Yield the members of an event for each app that changes."""
    for app in changes(plan):
        diff = _diff(app)
        yield {
            "app": app.app,
            "workload": app.workload,
            "action": app.action,
            "reasons": list(app.reasons),
            "facts": [f"{label}: {value}" for label, value in facts(app, str)],
            "risks": [f"{kind}: {risk}" for kind, risk in risks(app)],
            "diff": [*diff[:MAX_DIFF], *([f"… {len(diff) - MAX_DIFF} more lines"] if len(diff) > MAX_DIFF else [])],
        }


def plan_event(plan: Plan) -> dict[str, object]:
    """Return the members of the event that ends a plan: what is not about one app."""
    return {
        "resources": [f"{each.action} {each.uid}" for each in plan.resources if each.action != "keep"],
        "risks": list(plan.risks),
        "problems": list(plan.problems),
    }


def _diff(app: PlannedApp) -> list[str]:
    # What is new is all new: its artefact is there to be read.
    files = app.diffs if app.action == "change" else ()
    return [line for each in files for line in shorten_diff(each.diff).splitlines()]
