"""Check the environment of a run against the entries of `scorefly.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from scorefly.config.options import BY_NAME
from scorefly.config.project_file import ENVIRONMENTS, ProjectFile
from scorefly.config.settings import is_preview
from scorefly.problems import Problem, nearest, option_place

# What can make an environment, or change one so that a wrong name does harm. `destroy` looks whether there is one.
_CHECKED = (
    *("sync", "validate", "generate", "plan", "deploy", "cleanup", "export-secrets", "remove-unused-secrets"),
    "state import",
    "adopt",
)
# What is around a workload's name, and what decides which workloads there are and how they are called.
_AROUND = ("app-prefix", "app-suffix")
_CHANGING = ("score-files", "overrides-file", "override-property")


def environment_problems(
    command: str, file: ProjectFile, environment: str, *, given: bool, rehearse: bool
) -> list[Problem]:
    """Return what is wrong with an environment that has no entry though others do, and with entries that clash.

    A name that was given needs an entry. The defaults and rehearsals may do without, with a notice.
    """
    problems = _equal_names(file) if command == "validate" else []
    if command not in _CHECKED or not file.environments or file.has_environment(environment) or is_preview(environment):
        return problems
    if not given and (file.has_tree or command == "sync"):
        return problems  # every environment that has an entry is meant
    option = BY_NAME["environment"]
    usual = environment in (option.default, option.cli_default) or rehearse or not given
    hint = nearest(environment, file.environments)
    problems.append(
        Problem(
            f"the project file has no entry for environment {environment!r}",
            f"{hint}; if {environment} is meant, add `{environment}: {{}}` below {ENVIRONMENTS}",
            option_place("environment"),
            "notice" if usual else "error",
        )
    )
    return problems


def _equal_names(file: ProjectFile) -> list[Problem]:
    """Return a problem for each two environments whose apps would have the same names.

    It is a warning where they may have different workloads, and for `local`, to which nothing may ever be deployed.
    """
    names = [name for name in file.environments if not any(sign in name for sign in "*?[")]
    problems = []
    for one, other in combinations(names, 2):
        if _values(file, one, _AROUND) == _values(file, other, _AROUND):
            unsure = BY_NAME["environment"].cli_default in (one, other) or _workloads(file, one) != _workloads(
                file, other
            )
            problems.append(
                Problem(
                    f"environments {one!r} and {other!r} give apps the same names",
                    f"set app-suffix or app-prefix for one of them, e.g. app-suffix: -{other.lower()}",
                    file.places.at(ENVIRONMENTS, other),
                    "warning" if unsure else "error",
                )
            )
    return problems


def _workloads(file: ProjectFile, environment: str) -> object:
    overrides = {name: each.file for name, each in file.overrides(environment).items()}
    return _values(file, environment, _CHANGING), overrides


def _values(file: ProjectFile, environment: str, options: Sequence[str]) -> list[object]:
    found = [file.option(name, environment) for name in options]
    return [each and each[0] for each in found]
