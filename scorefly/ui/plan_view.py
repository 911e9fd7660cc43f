"""The content of a plan at a terminal and in Markdown alike: the order of apps, totals, risks and shortened diffs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

from scorefly.problems import shortened
from scorefly.report.plan import Plan, PlannedApp, PlannedMachines, PlannedVolume

MARKS = {"create": "+", "change": "~", "remove": "-", "deprovision": "-", "keep": "="}
WORDS = {"create": "create", "change": "change", "remove": "remove", "deprovision": "remove", "keep": "unchanged"}
ORPHANED = "deploy keeps what is to be removed; `scorefly cleanup` removes it"

_ORDER = ("create", "change", "remove")
_LONGEST_RUN = 16  # lines of one sign in a diff: a start script has more
_SHOWN_OF_RUN = 8
_LONGEST_LINE = 160


def changes(plan: Plan) -> list[PlannedApp]:
    """Return the apps that change: those to create, to change and to remove, in this order."""
    return [app for action in _ORDER for app in plan.apps if app.action == action]


def unchanged(plan: Plan) -> list[PlannedApp]:
    """Return the apps that stay as they are."""
    return [app for app in plan.apps if app.action == "keep"]


def totals(plan: Plan) -> str:
    """Return `1 to create, 2 to change, 0 to remove, 3 unchanged`, and how many apps cannot be planned."""
    number = {action: sum(app.action == action for app in plan.apps) for action in WORDS}
    parts = [f"{number[action]} to {action}" for action in _ORDER]
    parts += [f"{number['keep']} unchanged"] if number["keep"] else []
    parts += [f"{len(plan.problems)} failed"] if plan.problems else []
    return ", ".join(parts)


def has_orphans(plan: Plan) -> bool:
    """Decide whether there is anything that only `cleanup` removes."""
    apps = any(each.action == "remove" for each in plan.apps)
    return apps or any(each.action == "deprovision" for each in plan.resources)


def facts(app: PlannedApp, shown: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Yield what there is to know of an app, each with its label; `shown` formats names and values."""
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
    for each in app.drift:
        yield f"drift, {each.what}", each.change(shown)


def risks(app: PlannedApp) -> Iterator[tuple[str, str]]:
    """Yield the risks of an app's change, each as its kind and what happens."""
    for risk in app.data_risks:
        yield "data", risk
    if app.action == "change" and (app.diffs or app.secrets_set or app.drift or not _only_repairs(app)):
        if app.workload:
            yield "restart", "its Machines are replaced"
        else:
            yield "restart", f"{app.app} restarts: what uses {app.owner} loses its connections"
    if app.action == "create" and app.size:
        yield "new cost", ", ".join(filter(None, (f"a {app.size} Machine", *_created_volumes(app))))
    elif created := list(_created_volumes(app)):
        yield "new cost", ", ".join(created)
    for volume in app.volumes:
        if volume.action == "detach":
            yield "volume", f"{volume.name} stays without a Machine, with its data"
        elif volume.action == "remove":
            yield "data", f"volume {volume.name} is destroyed with its data"
    if app.secrets_removed:
        yield "secret", f"{', '.join(app.secrets_removed)} is removed from Fly"
    if app.drift and app.action == "change":
        yield "drift", f"changes made outside of scorefly are overwritten: {', '.join(each.what for each in app.drift)}"


def shorten_diff(diff: str) -> str:
    """Return a diff without the middle of long runs of added or removed lines, and with long lines cut."""
    lines: list[str] = []
    for _, group in groupby(diff.splitlines(), key=lambda line: line[:1]):
        run = list(group)
        if run[0][:1] in "+-" and len(run) > _LONGEST_RUN:
            left = len(run) - 2 * _SHOWN_OF_RUN
            sign = run[0][:1]
            run = [*run[:_SHOWN_OF_RUN], f"{sign}… {left} more lines", *run[-_SHOWN_OF_RUN:]]
        lines += [shortened(line, _LONGEST_LINE) for line in run]
    return "\n".join(lines)


def _only_repairs(app: PlannedApp) -> bool:
    """Decide whether Machines are only started or added: none of them is replaced."""
    return all(" Machine" in reason or reason == "no Machine runs" for reason in app.reasons)


def _created_volumes(app: PlannedApp) -> Iterator[str]:
    for volume in app.volumes:
        if volume.action == "create":
            yield f"a volume of {volume.size_gb} GB"
        elif volume.action == "extend":
            yield f"{volume.name} grows to {volume.size_gb} GB, and cannot shrink"


def _machines(machines: PlannedMachines) -> str:
    group = f"{machines.group} " if machines.group != "app" else ""
    change = f" (now {machines.current})" if machines.current != machines.desired else ""
    return f"{group}{machines.region or 'all regions'} {machines.desired}{change}"


def _volume(volume: PlannedVolume) -> str:
    where = f", {volume.region}" if volume.region else ""
    return f"{volume.action} {volume.name} ({volume.size_gb} GB{where})"
