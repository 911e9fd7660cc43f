"""A plan in Markdown, for job summaries and comments."""

from __future__ import annotations

from scorefly.github.markdown import code, details, fence, in_code, prose, table, text
from scorefly.report.costs import cost_text
from scorefly.report.plan import Plan, PlannedApp
from scorefly.ui.plan_view import MARKS, ORPHANED, WORDS, changes, facts, has_orphans, risks, shorten_diff, unchanged

_MOST_APPS = 1000


def plan_summary(plan: Plan) -> str:
    """Return the plan: a table of changes and their risks, and everything else folded below it."""
    changing, kept = changes(plan), unchanged(plan)
    rows = [
        (_mark(app.action), code(app.app), text(", ".join(app.reasons)), _cell(app)) for app in changing[:_MOST_APPS]
    ]
    parts = [table(("Plan", "App", "Why", "What"), rows)] if rows else []
    parts += [f"… and {len(changing) - _MOST_APPS} more apps"] if len(changing) > _MOST_APPS else []
    parts += [f"⚠️ {text(risk)}" for risk in plan.risks]
    if plan.cost and plan.apps:
        parts.append(f"Estimated cost: {text(cost_text(plan.cost))}")
    if has_orphans(plan):
        parts.append(f"{prose(ORPHANED[0].upper() + ORPHANED[1:])}.")
    if len(plan.waves) > 1:
        parts.append(f"Order: {' → '.join(', '.join(map(code, wave)) for wave in plan.waves)}")
    for app in changing:
        if app.diffs:
            shown = "\n\n".join(fence(shorten_diff(each.diff), "diff") for each in app.diffs)
            files = ", ".join(in_code(each.file) for each in app.diffs)
            parts.append(details(f"Changes of <b>{in_code(app.app)}</b>: {files}", shown))
    resources = [each for each in plan.resources if each.action != "keep"]
    if resources:
        cells = [(_mark(each.action), code(each.uid), code(each.provisioner)) for each in resources]
        parts.append(
            details(f"Resources: {_counted(len(resources))}", table(("Plan", "Resource", "Provisioner"), cells))
        )
    if kept:
        lines = "\n".join(f"- {code(app.app)}{_kept(app)}" for app in kept[:_MOST_APPS])
        parts.append(details(f"{len(kept)} unchanged", lines))
    return "\n\n".join(parts)


def _mark(action: str) -> str:
    return f"<code>{MARKS[action]}</code> {WORDS[action]}"


def _counted(number: int) -> str:
    return f"{number} {'change' if number == 1 else 'changes'}"


def _cell(app: PlannedApp) -> str:
    known = [f"{label}: {value}" for label, value in facts(app, code)]
    return "<br>".join([*(f"⚠️ {kind}: {text(risk)}" for kind, risk in risks(app)), *known])


def _kept(app: PlannedApp) -> str:
    known = "; ".join(f"{label}: {value}" for label, value in facts(app, code))
    return f" ({known})" if known else ""
