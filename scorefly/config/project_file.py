"""`scorefly.yaml`: options for every run, and for the environments that differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from scorefly.config.options import BY_NAME, OPTIONS
from scorefly.config.settings import Override
from scorefly.config.workloads import WORKLOADS, Value, Values, WorkloadConfig, merge_workloads, read_workloads
from scorefly.confined import exists, read_file, scope_of, shown
from scorefly.problems import InputError, Place, Problem, nearest, option_place
from scorefly.score.document import Document, Places, parse
from scorefly.values import Plain

ENVIRONMENTS = "environments"
OVERRIDES = "overrides"  # no option: a command line has --overrides-file for the one Score file it is about

Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A project file that was read. `data` holds options by name, and below `environments` more of them.

    `sections` are the values of each `workloads` section by its path in the file, workload and key.
    """

    data: Mapping[str, Plain] = field(default_factory=dict)
    places: Places = field(default_factory=lambda: Places({}))
    sections: Mapping[Keys, Mapping[str, Values]] = field(default_factory=dict)

    def option(self, name: str, environment: str) -> tuple[Plain, Place] | None:
        """An option's value in an environment, with its place: what the environment says comes first."""
        for path in (*self._environment(environment), ()):
            value = _below(self.data, path).get(name)
            if value is not None:
                return value, self.places.at(*path, name)
        return None

    def overrides(self, environment: str) -> dict[str, Override]:
        """The Score fragments by workload; those of an environment replace those for all."""
        for path in (*self._environment(environment), ()):
            found = _below(self.data, (*path, OVERRIDES))
            if found:
                return {
                    name: Override(str(file), self.places.at(*path, OVERRIDES, name)) for name, file in found.items()
                }
        return {}

    def workloads(self, environment: str) -> Mapping[str, WorkloadConfig]:
        """Return the settings of workloads by name. For each key the environment's value replaces the top-level one."""
        paths = [(*path, WORKLOADS) for path in (*self._environment(environment), ())]
        return merge_workloads([(path, self.sections.get(path, {})) for path in paths], self.places)

    @property
    def environments(self) -> tuple[str, ...]:
        """The names and patterns below `environments`, without those that are for previews only."""
        return tuple(
            name for name in _below(self.data, (ENVIRONMENTS,)) if not fnmatchcase("pr-1", name) or name == "*"
        )

    def has_environment(self, environment: str) -> bool:
        """Decide whether an entry fits an environment."""
        return bool(self._environment(environment))

    def _environment(self, environment: str) -> tuple[Keys, ...]:
        """Return where the options of an environment stand: under its name, else under the first pattern that fits."""
        names = list(_below(self.data, (ENVIRONMENTS,)))
        fitting = [name for name in names if fnmatchcase(environment, name)]
        chosen = environment if environment in names else next(iter(fitting), None)
        return ((ENVIRONMENTS, chosen),) if chosen is not None else ()


def read_project_file(
    workspace: Path, name: str, *, named: bool, outside: bool, problems: list[Problem]
) -> ProjectFile:
    """The project file, an empty one where there is none; what is wrong with it is added to `problems`.

    One that is `named` may be `outside` the workspace.
    """
    if not exists(workspace, name):
        if named:
            problems.append(Problem(f"there is no project file {name!r}", "check the path", option_place("config")))
        return ProjectFile()
    try:
        document = parse(read_file(*scope_of(workspace, name, outside=outside), Place(shown(name))), name)
    except InputError as error:
        problems.extend(error.problems)
        return ProjectFile()
    places = document.places
    for key in document.data:
        if key != ENVIRONMENTS:
            _check_key(key, (), document, problems, also=ENVIRONMENTS)
    environments = document.data.get(ENVIRONMENTS)
    if not isinstance(environments, dict | None):
        hint = "write `production: {app-prefix: acme-}` lines below it"
        problems.append(Problem(f"{ENVIRONMENTS} is not a mapping", hint, places.at(ENVIRONMENTS)))
        return ProjectFile({key: value for key, value in document.data.items() if key != ENVIRONMENTS}, places)
    sections: list[Keys] = [(WORKLOADS,)] if WORKLOADS in document.data else []
    for environment, given in (environments or {}).items():
        at = (ENVIRONMENTS, environment)
        if not isinstance(given, dict | None):
            problems.append(Problem(f"environment {environment!r} is not a mapping", "", places.at(*at)))
        for key in given if isinstance(given, dict) else ():
            _check_key(key, at, document, problems, not_here="environment")
        if isinstance(given, dict) and WORKLOADS in given:
            sections.append((*at, WORKLOADS))
    values = {path: read_workloads(_value(document, path), problems) for path in sections}
    return ProjectFile(document.data, places, values)


def _check_key(
    key: str, path: Keys, document: Document, problems: list[Problem], *, also: str = "", not_here: str = ""
) -> None:
    option, place = BY_NAME.get(key), document.places.at(*path, key)
    allowed = [each.name for each in OPTIONS if not each.private and each.name != not_here]
    if key == WORKLOADS:
        return
    if key == OVERRIDES:
        given = _below(document.data, path)[key]
        if not isinstance(given, dict | None) or not all(isinstance(each, str) for each in (given or {}).values()):
            problems.append(
                Problem(f"{OVERRIDES} has to be workloads with files", "write `web: web.override.yaml`", place)
            )
    elif option is not None and option.private:
        hint = "give it as an option, an input or an environment variable"
        problems.append(Problem(f"{key!r} does not belong into a file", hint, place))
    elif key not in allowed:
        hint = nearest(key, [*allowed, OVERRIDES, WORKLOADS, *([also] if also else [])])
        problems.append(Problem(f"unknown key {key!r}", hint, place))


def _below(data: Mapping[str, Plain], path: Keys) -> Mapping[str, Plain]:
    for key in path:
        found = data.get(key)
        data = found if isinstance(found, dict) else {}
    return data


def _value(document: Document, path: Keys) -> Value:
    return Value(_below(document.data, path[:-1])[path[-1]], document.places, path)
