"""The section `workloads` of scorefly.yaml: settings of single workloads, such as how many Machines each has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from scorefly.convert.build_spec import BuildSpec, parse_build
from scorefly.fly.app import MAX_MACHINES
from scorefly.problems import InputError, Place, Problem, input_error, nearest
from scorefly.score.document import Places
from scorefly.values import Plain

WORKLOADS = "workloads"
ALL_GROUPS = ""  # the process group of a count or of regions that are for every process group

Keys = tuple[str, ...]
Values = Mapping[str, Any]  # parsed values of one workload by key


@dataclass(frozen=True, slots=True)
class WorkloadConfig:
    """The settings of one workload in one environment. An empty value means not set.

    `count` is Machines by process group, `regions` Machines by process group and region; `ALL_GROUPS` is the group of
    values that are for all of them. `builds` are the builds of images by container. `sources` is the path in the file
    of the workload that each key was read from.
    """

    count: Mapping[str, int] = field(default_factory=dict)
    regions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    builds: Mapping[str, BuildSpec] = field(default_factory=dict)
    name_place: Place = field(default_factory=lambda: Place(""))
    places: Places = field(default_factory=lambda: Places({}))
    sources: Mapping[str, Keys] = field(default_factory=dict)

    def place(self, key: str, *below: str) -> Place:
        """Return the place of a key, or of an element below it: `place("regions", "ams")`."""
        source = self.sources.get(key)
        return self.places.at(*source, key, *below) if source else self.name_place


@dataclass(frozen=True, slots=True)
class Value:
    """A value to parse, with its place: `path` leads to it in the file."""

    data: Plain
    places: Places
    path: Keys

    @property
    def place(self) -> Place:
        """The place of the value."""
        return self.places.at(*self.path)

    def children(self) -> dict[str, Value]:
        """Return the elements of a mapping by key; nothing for anything else."""
        items = self.data.items() if isinstance(self.data, dict) else ()
        return {key: Value(each, self.places, (*self.path, key)) for key, each in items}


Parser = Callable[[Value], Any]


def read_workloads(section: Value, problems: list[Problem]) -> Mapping[str, Values]:
    """Parse one `workloads` section: values by workload and key. All that is invalid is added to `problems`."""
    if not isinstance(section.data, dict | None):
        hint = "write `web: {count: 2}` lines below it"
        problems.append(Problem(f"{WORKLOADS}: expected a mapping of workload names", hint, section.place))
    return {name: read_workload(each, problems) for name, each in section.children().items()}


def read_workload(workload: Value, problems: list[Problem]) -> Values:
    """Parse the keys of one workload. All that is invalid is added to `problems`; a null value means not set."""
    if not isinstance(workload.data, dict | None):
        message = f"workload {workload.path[-1]!r}: expected a mapping"
        problems.append(Problem(message, f"its keys are {', '.join(PARSERS)}", workload.place))
    values: dict[str, Any] = {}
    for key, value in workload.children().items():
        parser = PARSERS.get(key)
        if parser is None:
            problems.append(Problem(f"unknown key {key!r}", nearest(key, PARSERS), value.place))
        elif value.data is not None:
            try:
                values[key] = parser(value)
            except InputError as error:
                problems.extend(error.problems)
    return values


def merge_workloads(
    sections: Sequence[tuple[Keys, Mapping[str, Values]]], places: Places
) -> Mapping[str, WorkloadConfig]:
    """Merge sections, each with its path in the file, from the most specific one on: the first value of a key wins."""
    values: dict[str, dict[str, Any]] = {}
    sources: dict[str, dict[str, Keys]] = {}
    names: dict[str, Keys] = {}
    for path, section in sections:
        for name, workload in section.items():
            names.setdefault(name, path)
            for key, value in workload.items():
                if key not in values.setdefault(name, {}):
                    values[name][key] = value
                    sources.setdefault(name, {})[key] = (*path, name)
    return {
        name: WorkloadConfig(
            **{key.replace("-", "_"): value for key, value in values.get(name, {}).items()},
            name_place=places.at(*path, name),
            places=places,
            sources=sources.get(name, {}),
        )
        for name, path in names.items()
    }


def parse_count(value: Value) -> Mapping[str, int]:
    """Parse `count: 3`, or `count: {web: 3, worker: 1}` by process group."""
    if isinstance(value.data, dict):
        _require_entries(value)
        return {group: _positive(each) for group, each in value.children().items()}
    return {ALL_GROUPS: _positive(value)}


def parse_regions(value: Value) -> Mapping[str, Mapping[str, int]]:
    """Parse `regions: {ams: 2, iad: 1}`, or such a mapping for each process group."""
    if not isinstance(value.data, dict):
        hint = "write the number of Machines of each, such as `regions: {ams: 2, iad: 1}`"
        raise input_error("regions: expected a mapping of regions", hint, value.place)
    _require_entries(value)
    children = value.children()
    if all(isinstance(each.data, dict) for each in children.values()):
        return {group: _counts(each) for group, each in children.items()}
    return {ALL_GROUPS: _counts(value)}


def parse_builds(value: Value) -> Mapping[str, BuildSpec]:
    """Parse `builds: {main: {context: ., dockerfile: Dockerfile}}`, by container."""
    if not isinstance(value.data, dict):
        hint = "write the containers below it, such as `main: {context: .}`"
        raise input_error("builds: expected a mapping of containers", hint, value.place)
    builds: dict[str, BuildSpec] = {}
    problems: list[Problem] = []
    for name, each in value.children().items():
        if each.data is None:
            continue
        try:
            builds[name] = parse_build(each.data, each.place, partial(_place_of, each))
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(*problems)
    return builds


def _place_of(value: Value, key: str) -> Place:
    children = value.children()
    return children[key].place if key in children else value.place


def _counts(value: Value) -> Mapping[str, int]:
    _require_entries(value)
    return {region: _positive(each) for region, each in value.children().items()}


def _require_entries(value: Value) -> None:
    if not value.data:
        raise input_error(f"{value.path[-1]}: the mapping is empty", "remove the key, or add an entry", value.place)


def _positive(value: Value) -> int:
    number = value.data
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_MACHINES:
        message = f"{value.path[-1]}: expected a whole number from 1 to {MAX_MACHINES}, not {_shown(number)}"
        raise input_error(message, "give the number of Machines", value.place)
    return number


def _shown(data: Plain) -> str:
    names = {dict: "a mapping", list: "a list", type(None): "nothing", bool: str(data).lower()}
    return names.get(type(data)) or repr(data)


# The keys of a workload. A key's field in `WorkloadConfig` has its name, with `_` for `-`.
PARSERS: Mapping[str, Parser] = {
    "count": parse_count,
    "regions": parse_regions,
    "builds": parse_builds,
}
