"""The section `workloads` of scorefly.yaml: settings of single workloads, such as how many Machines each has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from msgspec import Struct, field

from scorefly.config.fly_keys import VolumeSpec, parse_addresses, parse_org, parse_volumes
from scorefly.config.tree_keys import TREE_PARSERS, check_source
from scorefly.config.value import Value
from scorefly.convert.build_spec import BuildSpec, parse_build
from scorefly.fly.app import MAX_MACHINES
from scorefly.problems import InputError, Place, Problem, input_error, nearest
from scorefly.score.document import Document, Places
from scorefly.sources.repository import Source
from scorefly.values import Plain

WORKLOADS = "workloads"
ALL_GROUPS = ""  # the process group of a count or of regions that are for every process group

Values = Mapping[str, Any]  # parsed values of one workload by key


class WorkloadConfig(Struct, frozen=True):
    """The settings of one workload in one environment. An empty value means not set.

    `count` is Machines by process group, `regions` Machines by process group and region; `ALL_GROUPS` is the group of
    values that are for all of them. `builds` are the builds of images by container. `score` and `fly` are fragments
    merged into the Score file and fly.toml, `add` are files of the project by their path in the source, and `app` is
    the whole name of the app. `volumes` are the stated settings of volumes by name, `addresses` the IP addresses in
    the place of those that its ports need, and `org` is the organization of its app. `secrets` are the names of those a
    Score file from a source gets; None means not set.
    `places` has the places of keys, without the name, and `data` everything as it was merged.
    """

    count: Mapping[str, int] = field(default_factory=dict)
    regions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    builds: Mapping[str, BuildSpec] = field(default_factory=dict)
    source: Source | None = None
    score_file: str = ""
    score: Document | None = None
    fly: Document | None = None
    add: Mapping[str, str] = field(default_factory=dict)
    app: str = ""
    image: str = ""
    volumes: Mapping[str, VolumeSpec] = field(default_factory=dict)
    addresses: tuple[str, ...] | None = None
    org: str = ""
    secrets: tuple[str, ...] | None = None
    after: tuple[str, ...] = ()
    suspended: str = ""
    deploy_args: tuple[str, ...] = ()
    data: Mapping[str, Plain] = field(default_factory=dict)
    name_place: Place = field(default_factory=lambda: Place(""))
    places: Places = field(default_factory=lambda: Places({}))

    def place(self, key: str, *below: str) -> Place:
        """Return the place of a key, or of an element below it: `place("regions", "ams")`."""
        place = self.places.at(key, *below)
        return place if (key,) in self.places.moved else self.name_place


Parser = Callable[[Value], Any]


def check_workloads(section: Value, problems: list[Problem]) -> None:
    """Check one `workloads` section. All that is invalid is added to `problems`."""
    if not isinstance(section.data, dict | None):
        hint = "write `web: {count: 2}` lines below it"
        problems.append(Problem(f"{WORKLOADS}: expected a mapping of workload names", hint, section.place))
    for each in section.children().values():
        check_layer(each, problems)


def check_layer(workload: Value, problems: list[Problem]) -> None:
    """Check the keys of one layer of a workload, in which other layers may be missing, and variables are not replaced.

    All that is invalid is added to `problems`.
    """
    read_workload(workload, problems, {**PARSERS, "source": check_source}, skip="$(")


def read_workload(
    workload: Value, problems: list[Problem], parsers: Mapping[str, Parser] | None = None, skip: str = ""
) -> Values:
    """Parse the keys of one workload. All that is invalid is added to `problems`; a null value means not set."""
    parsers = parsers or PARSERS
    if not isinstance(workload.data, dict | None):
        message = f"workload {workload.path[-1]!r}: expected a mapping"
        problems.append(Problem(message, f"its keys are {', '.join(PARSERS)}", workload.place))
    values: dict[str, Any] = {}
    for key, value in workload.children().items():
        parser = parsers.get(key)
        if parser is None:
            problems.append(Problem(f"unknown key {key!r}", nearest(key, PARSERS), value.place))
        elif value.data is not None and not (skip and skip in str(value.data)):
            try:
                values[key] = parser(value)
            except InputError as error:
                problems.extend(error.problems)
    return values


def to_config(workload: Value, name_place: Place, problems: list[Problem]) -> WorkloadConfig:
    """Parse the keys of one workload whose layers were merged. Those with unknown variables are left out."""
    skip = "$(" if problems else ""
    values = {key.replace("-", "_"): value for key, value in read_workload(workload, problems, skip=skip).items()}
    data = workload.data if isinstance(workload.data, dict) else {}
    return WorkloadConfig(**values, data=data, name_place=name_place, places=workload.places)


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
    "volumes": parse_volumes,
    "addresses": parse_addresses,
    "org": parse_org,
    **TREE_PARSERS,
}
