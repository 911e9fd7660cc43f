"""Stand-ins for values that a check has to do without."""

from __future__ import annotations

from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.desired.load import Loaded
from scorefly.problems import Problem
from scorefly.resources.lookup import STAND_IN
from scorefly.score.placeholders import references


def with_stand_in_variables(settings: Settings, loaded: Loaded) -> tuple[Settings, list[Problem]]:
    """Add stand-ins for variables that Score files read and that were not given, each with a warning."""
    missing: dict[str, Problem] = {}
    for workload in loaded.workloads:
        names = {name for name, each in workload.resources.items() if each.type == "environment"}
        for place, text in workload.texts():
            for reference in references(text):
                if len(reference) > 2 and reference[0] == "resources" and reference[1] in names:
                    name = reference[2]
                    if name not in settings.variables and name not in missing:
                        hint = "generate and deploy need it: pass it with `variables`"
                        missing[name] = Problem(f"no variable {name!r} is given", hint, place, severity="warning")
    variables = {**dict.fromkeys(missing, STAND_IN), **settings.variables}
    return replace(settings, variables=variables), list(missing.values())
