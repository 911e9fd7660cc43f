"""A plan in plain lines, for a terminal."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from scorefly.report.costs import cost_text
from scorefly.report.plan import Plan, PlannedApp, PlannedResource
from scorefly.ui.lines import one_line
from scorefly.ui.plan_view import MARKS, ORPHANED, WORDS, changes, facts, has_orphans, risks, shorten_diff, unchanged
from scorefly.ui.wrap import wrapped

_SHOWN_NAMES = 20
_INDENT = "    "


Paint = Callable[[str, str], str]


def plan_text(plan: Plan, paint: Paint, width: int | None = None) -> str:
    """Return the plan: changes first, then the unchanged apps in one line.

    `paint` colours a line by the word that is its second argument; lines are wrapped to `width`, if it is given.
    """
    page = _Page(paint, width)
    for app in changes(plan):
        page.add_app(app)
    for resource in plan.resources:
        if resource.action != "keep":
            page.add(f"{MARKS[resource.action]} {_resource(resource)}", _colour(resource.action))
    for app in unchanged(plan):
        page.add_drift(app)
    for risk in plan.risks:
        page.add(f"! {risk}", "warning")
    if kept := unchanged(plan):
        names = [app.app for app in kept]
        more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
        page.add(f"{MARKS['keep']} unchanged: {', '.join(names[:_SHOWN_NAMES])}{more}")
    if len(plan.waves) > 1:
        page.add(f"order: {' → '.join(', '.join(wave) for wave in plan.waves)}")
    if plan.cost and plan.apps:
        page.add(f"estimated cost: {cost_text(plan.cost)}")
    if has_orphans(plan):
        page.add(f"({ORPHANED})")
    return "\n".join(page.lines)


class _Page(Struct):
    paint: Paint
    width: int | None
    lines: list[str] = field(default_factory=list)

    def add(self, line: str, colour: str = "", indent: str = "") -> None:
        for part in wrapped(one_line(line), self.width and self.width - len(indent)):
            self.lines.append(indent + self.paint(part, colour))

    def add_app(self, app: PlannedApp) -> None:
        why = f": {', '.join(app.reasons)}" if app.reasons else ""
        self.add(f"{MARKS[app.action]} {app.app} ({WORDS[app.action]}{why})", _colour(app.action))
        for label, value in facts(app, str):
            self.add(f"{label}: {value}", indent=_INDENT)
        for kind, risk in risks(app):
            self.add(f"! {kind}: {risk}", "notice" if kind == "new cost" else "warning", _INDENT)
        # What is new is all new: its artefact is there to be read.
        for each in app.diffs if app.action == "change" else ():
            for line in shorten_diff(each.diff).splitlines():
                self.lines.append(_INDENT + self.paint(one_line(line), _colour_of_line(line)))

    def add_drift(self, app: PlannedApp) -> None:
        """Add what is to be known of an app that stays as it is: drift, and secrets that are removed."""
        known = list(facts(app, str))
        if known:
            self.add(f"{MARKS['keep']} {app.app} (unchanged)")
        for label, value in known:
            self.add(f"{label}: {value}", indent=_INDENT)


def _resource(resource: PlannedResource) -> str:
    return f"{resource.uid} ({WORDS[resource.action]}, {resource.provisioner})"


def _colour(action: str) -> str:
    return {"create": "created", "change": "skipped", "remove": "failed", "deprovision": "failed"}.get(action, "")


def _colour_of_line(line: str) -> str:
    return {"+": "created", "-": "failed", "@": "notice"}.get(line[:1], "")
