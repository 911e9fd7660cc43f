"""`scorefly.yaml`: options for every run, and for the environments that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct, field

from scorefly.config.options import BY_NAME, OPTIONS
from scorefly.config.previews import PREVIEWS, parse_previews
from scorefly.config.settings import Override
from scorefly.config.tree_file import ENVIRONMENT_KEYS, TOP_KEYS, check_tree_keys
from scorefly.config.value import Keys, Value
from scorefly.config.workloads import WORKLOADS, check_layer, check_workloads
from scorefly.confined import exists, read_file, scope_of, shown
from scorefly.problems import InputError, Place, Problem, nearest, option_place
from scorefly.score.document import Document, Places, parse
from scorefly.values import Plain

ENVIRONMENTS = "environments"
OVERRIDES = "overrides"  # no option: a command line has --overrides-file for the one Score file it is about


class ProjectFile(Struct, frozen=True):
    """A project file that was read. `data` holds options by name, and below `environments` more of them.

    `folder` is its folder, relative to the workspace, and `parent` the file that includes it, whose options count too.
    """

    data: Mapping[str, Plain] = field(default_factory=dict)
    places: Places = field(default_factory=lambda: Places({}))
    folder: str = "."
    parent: ProjectFile | None = None

    def option(self, name: str, environment: str) -> tuple[Plain, Place] | None:
        """An option's value in an environment, with its place: what the environment says comes first."""
        for path in (*self._environment(environment), ()):
            value = _below(self.data, path).get(name)
            if value is not None:
                return value, self.places.at(*path, name)
        return self.parent.option(name, environment) if self.parent else None

    def overrides(self, environment: str) -> dict[str, Override]:
        """The Score fragments by workload; those of an environment replace those for all."""
        for path in (*self._environment(environment), ()):
            found = _below(self.data, (*path, OVERRIDES))
            if found:
                return {
                    name: Override(str(file), self.places.at(*path, OVERRIDES, name)) for name, file in found.items()
                }
        return {}

    def value(self, *path: str) -> Value | None:
        """Return what is at a path of the file; None where it is missing or null."""
        data = _below(self.data, path[:-1]).get(path[-1])
        return None if data is None else Value(data, self.places, path)

    def values(self, key: str, environment: str) -> tuple[Value, ...]:
        """Return the values of a key at the top and in the environment, the weakest first."""
        paths = [(), *self._environment(environment)]
        return tuple(value for path in paths if (value := self.value(*path, key)))

    @property
    def environments(self) -> tuple[str, ...]:
        """The names and patterns below `environments`, without those that are for previews only."""
        return tuple(
            name for name in _below(self.data, (ENVIRONMENTS,)) if not fnmatchcase("pr-1", name) or name == "*"
        )

    @property
    def has_tree(self) -> bool:
        """Report whether it describes a tree: other projects, or workloads of other repositories or organizations."""
        if self.value("include"):
            return True
        names = [name for name, each in _below(self.data, (ENVIRONMENTS,)).items() if isinstance(each, dict)]
        places = [(), *((ENVIRONMENTS, name) for name in names)]
        layers = [value for place in places for key in ("defaults", "always") if (value := self.value(*place, key))]
        for place in places:
            section = self.value(*place, WORKLOADS)
            layers += section.children().values() if section else ()
        return any({"source", "org"} & layer.children().keys() for layer in layers)

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
        content = read_file(*scope_of(workspace, name, outside=outside), Place(shown(name)))
        document = parse(content, name, may_be_empty=True)
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
    file = ProjectFile(document.data, places)
    _check_tree(file, (), TOP_KEYS, problems)
    if section := file.value(PREVIEWS):
        parse_previews(section, problems)
    for environment, given in (environments or {}).items():
        at = (ENVIRONMENTS, environment)
        if not isinstance(given, dict | None):
            problems.append(Problem(f"environment {environment!r} is not a mapping", "", places.at(*at)))
        for key in given if isinstance(given, dict) else ():
            _check_key(key, at, document, problems, not_here="environment")
        _check_tree(file, at, ENVIRONMENT_KEYS, problems)
    return file


def _check_tree(file: ProjectFile, at: Keys, keys: Sequence[str], problems: list[Problem]) -> None:
    values = {key: value for key in keys if (value := file.value(*at, key))}
    problems += check_tree_keys(values)
    for key in ("defaults", "always"):
        if layer := values.get(key):
            check_layer(layer, problems)
    if section := file.value(*at, WORKLOADS):
        check_workloads(section, problems)


def _check_key(
    key: str, path: Keys, document: Document, problems: list[Problem], *, also: str = "", not_here: str = ""
) -> None:
    tree_keys = ENVIRONMENT_KEYS if path else TOP_KEYS
    option, place = BY_NAME.get(key), document.places.at(*path, key)
    allowed = [each.name for each in OPTIONS if not each.private and each.name != not_here]
    if key == WORKLOADS or key in tree_keys or (key == PREVIEWS and not path):
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
        others = [also] if also else []
        others += [] if path else [PREVIEWS]
        hint = nearest(key, [*allowed, OVERRIDES, WORKLOADS, *tree_keys, *others])
        problems.append(Problem(f"unknown key {key!r}", hint, place))


def _below(data: Mapping[str, Plain], path: Keys) -> Mapping[str, Plain]:
    for key in path:
        found = data.get(key)
        data = found if isinstance(found, dict) else {}
    return data
