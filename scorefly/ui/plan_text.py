"""A plan, for people: at a terminal and in a job summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scorefly.github.markdown import code, details, fence, table, text
from scorefly.report.costs import cost_text
from scorefly.report.plan import Drift, Plan, PlannedApp, PlannedMachines, PlannedResource, PlannedVolume
from scorefly.ui.lines import one_line

_SIGNS = {"create": "+", "change": "~", "keep": "=", "remove": "-", "deprovision": "-"}
_MARKS = {
    "create": "🟢 create",
    "change": "🟢 change",
    "keep": "⚪ unchanged",
    "remove": "⚫ no longer wanted",
    "deprovision": "⚫ no longer wanted",
}
_ORPHANED = "deploy leaves what is no longer wanted as it is, and cleanup removes it"


def plan_text(plan: Plan, paint: Callable[[str, str], str]) -> str:
    """The plan in plain lines; `paint` colours a line by the word that is its second argument."""
    lines: list[str] = []

    def add(line: str, colour: str = "", indent: str = "") -> None:
        lines.append(indent + paint(one_line(line), colour))

    for app in plan.apps:
        why = f": {', '.join(app.reasons)}" if app.reasons else ""
        add(f"{_SIGNS[app.action]} {app.app} ({_word(app)}{why})", _colour(app.action))
        for label, value in _facts(app, str):
            add(f"{label}: {value}", indent="    ")
        # What is new is all new: its artefact is there to be read.
        for each in app.diffs if app.action != "create" else ():
            for line in each.diff.splitlines():
                add(line, _colour_of_line(line), indent="    ")
    for resource in plan.resources:
        if resource.action != "keep":
            add(f"{_SIGNS[resource.action]} {_resource(resource)}", _colour(resource.action))
    for risk in plan.risks:
        add(f"! {risk}", "warning")
    if len(plan.waves) > 1:
        add(f"order: {' → '.join(', '.join(wave) for wave in plan.waves)}")
    if plan.cost and plan.apps:
        add(f"estimated cost: {cost_text(plan.cost)}")
    if _orphaned(plan):
        add(f"({_ORPHANED})")
    return "\n".join(lines)


def plan_summary(plan: Plan) -> str:
    """The plan in Markdown: a table, and what is behind each row folded under it."""
    rows = [(text(app.app), _MARKS[app.action], text(", ".join(app.reasons)), _cell(app)) for app in plan.apps]
    parts = [table(("App", "Plan", "Why", "What"), rows)] if rows else []
    parts += [f"⚠️ {text(risk)}" for risk in plan.risks]
    if len(plan.waves) > 1:
        parts.append(f"Order: {' → '.join(', '.join(map(code, wave)) for wave in plan.waves)}")
    for app in plan.apps:
        if app.diffs:
            shown = "\n\n".join(fence(each.diff, "diff") for each in app.diffs)
            parts.append(details(f"{text(app.app)}: {', '.join(code(each.file) for each in app.diffs)}", shown))
    changing = [each for each in plan.resources if each.action != "keep"]
    if changing:
        changes = [(code(each.uid), _MARKS[each.action], code(each.provisioner)) for each in changing]
        parts.append(table(("Resource", "Plan", "Provisioner"), changes))
    if plan.cost and plan.apps:
        parts.append(f"Estimated cost: {text(cost_text(plan.cost))}")
    if _orphaned(plan):
        parts.append(f"{_ORPHANED.capitalize()}.")
    return "\n\n".join(parts)


def _facts(app: PlannedApp, shown: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    if app.action == "create":
        yield "runs", ", ".join(filter(None, (shown(app.image), app.size, app.region, app.url)))
        if app.artefact:
            yield "artefact", shown(app.artefact)
    if app.machines:
        yield "machines", ", ".join(_machines(each) for each in app.machines)
    if app.network:
        yield "network", shown(app.network)
    if app.volumes:
        yield "volumes", ", ".join(_volume(each) for each in app.volumes)
    if app.addresses:
        yield "addresses", ", ".join(app.addresses)
    if certificates := [each for each in app.certificates if each.action != "keep"]:
        yield "certificates", ", ".join(f"{each.action} {shown(each.host)}" for each in certificates)
    if app.secrets_set:
        yield "secrets set", ", ".join(map(shown, app.secrets_set))
    if app.secrets_removed:
        yield "secrets removed", ", ".join(map(shown, app.secrets_removed))
    for risk in app.data_risks:
        yield "data risk", shown(risk)
    for each in app.drift:
        yield f"drift, {each.what}", _drift(each, shown)


def _drift(each: Drift, shown: Callable[[str], str]) -> str:
    before, now = (", ".join(map(shown, side)) or "nothing" for side in (each.deployed, each.running))
    return f"{before} was deployed, {now} runs" if before != now else f"{now} has been changed"


def _cell(app: PlannedApp) -> str:
    return "<br>".join(f"{label}: {value}" for label, value in _facts(app, code))


def _machines(machines: PlannedMachines) -> str:
    group = f"{machines.group} " if machines.group != "app" else ""
    change = f" (now {machines.current})" if machines.current != machines.desired else ""
    return f"{group}{machines.region or 'all regions'} {machines.desired}{change}"


def _volume(volume: PlannedVolume) -> str:
    where = f", {volume.region}" if volume.region else ""
    return f"{volume.action} {volume.name} ({volume.size_gb} GB{where})"


def _resource(resource: PlannedResource) -> str:
    word = "no longer wanted" if resource.action == "deprovision" else resource.action
    return f"{resource.uid} ({word}, {resource.provisioner})"


def _word(app: PlannedApp) -> str:
    return {"keep": "unchanged", "remove": "no longer wanted"}.get(app.action, app.action)


def _orphaned(plan: Plan) -> bool:
    apps = any(each.action == "remove" for each in plan.apps)
    return apps or any(each.action == "deprovision" for each in plan.resources)


def _colour(action: str) -> str:
    return {"create": "created", "change": "deployed"}.get(action, "skipped" if action != "keep" else "")


def _colour_of_line(line: str) -> str:
    return {"+": "created", "-": "failed", "@": "notice"}.get(line[:1], "")
