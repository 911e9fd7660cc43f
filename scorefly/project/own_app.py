"""The app that a run itself is in: a listener never deploys itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from scorefly.problems import Problem
from scorefly.project.units import Unit

VARIABLE = "SCOREFLY_LISTENER_APP"  # set by a listener for its runs
REASON = "this is the listener itself, which it never deploys"


def suspend_listener(units: Sequence[Unit], environ: Mapping[str, str], problems: list[Problem]) -> list[Unit]:
    """Return units in which the listener's own app is suspended; a warning about it is added to `problems`."""
    own = environ.get(VARIABLE, "")
    return [_without(unit, own, problems) for unit in units] if own else list(units)


def _without(unit: Unit, own: str, problems: list[Problem]) -> Unit:
    names = [name for name in unit.workloads if unit.settings.app_name(name) == own and name not in unit.suspended]
    if not names:
        return unit
    config = unit.settings.config(names[0])
    place = config.place("app") if config.app else config.name_place
    message = f"{unit.name}: the app {own} is not deployed: {REASON}"
    hint = "upgrade it with scorefly install, or set app, app-prefix or app-suffix"
    problems.append(Problem(message, hint, place if place.file else unit.project.place, "warning"))
    local = {path: name for path, name in unit.local.items() if name not in names}
    checkouts = {path: name for path, name in unit.settings.checkouts.items() if name not in names}
    settings = replace(unit.settings, score_files=(*local, *checkouts), checkouts=checkouts)
    return replace(
        unit,
        settings=settings,
        sources={name: source for name, source in unit.sources.items() if name not in names},
        local=local,
        suspended={**unit.suspended, **dict.fromkeys(names, REASON)},
    )
