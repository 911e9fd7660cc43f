"""Units: one project in one environment, with the workloads it has. Each is one deploy with one state."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.config.access import access_entries
from scorefly.config.load import load_unit_settings
from scorefly.config.project_file import ENVIRONMENTS
from scorefly.config.settings import Settings
from scorefly.config.tree_keys import parse_after
from scorefly.confined import CHECKOUTS, read_file, scope_of
from scorefly.problems import InputError, Place, Problem, nearest, option_place
from scorefly.project.tree import Project, Tree
from scorefly.project.unit_secrets import access_secrets, fly_token_of, granted_secrets, secrets_of
from scorefly.score.document import parse
from scorefly.score.find import find_score_files
from scorefly.sources.access import Entry
from scorefly.sources.repository import Source


class Unit(Struct, frozen=True):
    """One project in one environment. `settings` are those of its run.

    `sources` are the workloads of other repositories, `local` the Score files of the others by their path, and
    `suspended` the reasons by workload. `after` are the names of units that are deployed before.
    """

    name: str
    project: Project
    environment: str
    settings: Settings
    sources: Mapping[str, Source] = field(default_factory=dict)
    local: Mapping[str, str] = field(default_factory=dict)
    suspended: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()

    @property
    def workloads(self) -> tuple[str, ...]:
        """The names of all its workloads, suspended ones included."""
        return tuple(sorted({*self.sources, *self.local.values(), *self.suspended}))


def unit_name(project: str, environment: str) -> str:
    """Return the name of a unit, and of its state: a root without a name has those of its environments."""
    return f"{project}.{environment}" if project else environment


def read_units(root: Settings, tree: Tree, environments: Sequence[str], problems: list[Problem]) -> list[Unit]:
    """Return every unit of the tree in some environments. All that is invalid is added to `problems`."""
    units = []
    try:
        access = tuple(access_entries(root, tree.projects[0].file))
    except InputError as error:
        access = ()
        problems += [each for each in error.problems if each not in problems]
    for environment in environments:
        for project in tree.projects:
            if environment not in project.environments(environments):
                continue
            try:
                units += _by_organization(root, _unit(root, tree, project, environment, access, problems))
            except InputError as error:
                place = project.file.places.at(ENVIRONMENTS, environment)
                found = [
                    replace(each, place=place) if each.place == option_place("environment") else each
                    for each in error.problems
                ]
                problems += [each for each in found if each not in problems]
    _check_unit_names(units, problems)
    _check_app_names(units, problems)
    return [replace(unit, after=_after(unit, units, {*environments, *tree.environments()}, problems)) for unit in units]


def _unit(
    root: Settings,
    tree: Tree,
    project: Project,
    environment: str,
    access: tuple[Entry, ...],
    problems: list[Problem],
) -> Unit:
    settings = load_unit_settings(root, project.file, environment)
    problems += [each for each in settings.invalid if each not in problems]
    is_root = project is tree.projects[0]
    name = unit_name("" if is_root else project.name, environment)
    sources: dict[str, Source] = {}
    suspended: dict[str, str] = {}
    for workload, config in settings.workloads.items():
        if config.suspended:
            suspended[workload] = config.suspended
        elif config.source:
            sources[workload] = config.source
    local = dict(_local(settings, tree, project, problems))
    for path, workload in list(local.items()):
        if workload in sources:
            message = f"workload {workload!r} has a source and the Score file {path}"
            hint = "rename one of them, or remove one"
            problems.append(Problem(message, hint, settings.config(workload).place("source")))
        if reason := settings.config(workload).suspended:
            suspended[workload] = reason
            del local[path]
    declared = frozenset({*sources, *local.values(), *suspended})
    for workload, config in settings.workloads.items():
        for other in config.after:
            # A workload whose source is invalid is not known to be one.
            if other not in declared and not (settings.invalid and other in settings.workloads):
                hint = nearest(other, sorted(declared - {workload}))
                problems.append(Problem(f"after: unknown workload {other!r}", hint, config.place("after")))
    checkouts = {f"{checkout_of(name, each)}/{_score_file(settings, each)}": each for each in sources}
    return Unit(
        name,
        project,
        environment,
        replace(
            settings,
            environment=name,
            project=project.name,
            score_files=(*local, *checkouts),
            checkouts=checkouts,
            declared=declared,
            provisioners=settings.provisioners if project.provisioners else _parents_only(settings, project),
            secrets=secrets_of(settings, environment, access_secrets(tree)),
            fly_api_token=fly_token_of(settings),
            granted=granted_secrets(settings, project, sources, local.values()),
            access=access,
        ),
        sources,
        local,
        suspended,
    )


def _by_organization(root: Settings, unit: Unit) -> list[Unit]:
    """Split a unit where workloads have organizations of their own: each is a deploy with a token and a state.

    The unit of another organization has the name UNIT.ORGANIZATION.
    """
    settings = unit.settings
    by_org: dict[str, set[str]] = {settings.org: set()}
    for name in unit.workloads:
        by_org.setdefault(settings.config(name).org or settings.org, set()).add(name)
    if len(by_org) == 1:
        return [unit]
    return [_part(root, unit, org, names) for org, names in by_org.items() if names or org == settings.org]


def _part(root: Settings, unit: Unit, org: str, names: Collection[str]) -> Unit:
    settings = unit.settings
    name = unit.name if org == settings.org else f"{unit.name}.{org}"
    sources = {each: source for each, source in unit.sources.items() if each in names}
    local = {path: each for path, each in unit.local.items() if each in names}
    checkouts = {f"{checkout_of(name, each)}/{_score_file(settings, each)}": each for each in sources}
    settings = replace(
        settings,
        environment=name,
        org=org,
        score_files=(*local, *checkouts),
        checkouts=checkouts,
        declared=frozenset(names),
    )
    suspended = {each: why for each, why in unit.suspended.items() if each in names}
    return replace(
        unit,
        name=name,
        settings=replace(settings, fly_api_token=fly_token_of(replace(settings, fly_api_token=root.fly_api_token))),
        sources=sources,
        local=local,
        suspended=suspended,
    )


def checkout_of(unit: str, workload: str) -> str:
    """Return where the files of a workload's source are, relative to the workspace."""
    return (CHECKOUTS / unit / workload).as_posix()


def _score_file(settings: Settings, workload: str) -> str:
    return settings.config(workload).score_file or "score.yaml"


def _local(settings: Settings, tree: Tree, project: Project, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    """Yield the Score files of the project's own folder with the names of their workloads."""
    named = {
        config.score_file: name
        for name, config in settings.workloads.items()
        if config.score_file and not config.source
    }
    below = "" if project.folder == "." else f"{project.folder}/"
    patterns = settings.score_files or ((project.folder,) if below else ())
    found, missing = find_score_files(settings.workspace, patterns, outside=False)
    problems += [each for each in missing if settings.score_files]
    others = [f"{each.folder}/" for each in tree.projects if each is not project and each.folder.startswith(below)]
    files = [str(file) for file in found if not any(str(file).startswith(folder) for folder in others)]
    for file in dict.fromkeys([*files, *(f"{below}{name}" for name in named)]):
        name = _name_in(settings, file, problems)
        if name:
            yield file, name


def _name_in(settings: Settings, file: str, problems: list[Problem]) -> str:
    """Return the name of the workload in a Score file; empty where it cannot be read, which loading it reports."""
    try:
        root, path = scope_of(settings.workspace, file, outside=False)
        document = parse(read_file(root, path, Place(file)), file, may_be_empty=True)
    except InputError as error:
        problems += [each for each in error.problems if each not in problems]
        return ""
    metadata = document.data.get("metadata")
    return str(metadata.get("name")) if isinstance(metadata, dict) else file


def _parents_only(settings: Settings, project: Project) -> tuple[str, ...]:
    own = f"{project.folder}/"
    return tuple(each for each in settings.provisioners if not each.startswith(own))


def _check_unit_names(units: Sequence[Unit], problems: list[Problem]) -> None:
    first: dict[str, Unit] = {}
    for unit in units:
        other = first.setdefault(unit.name, unit)
        if other is not unit and other.project.name != unit.project.name:
            message = (
                f"project {unit.project.name!r} in {unit.environment!r} has the state of environment {unit.name!r}"
            )
            problems.append(Problem(message, "rename the project or the environment", unit.project.place))


def _check_app_names(units: Sequence[Unit], problems: list[Problem]) -> None:
    first: dict[str, tuple[Unit, str]] = {}
    for unit in units:
        for workload in unit.workloads:
            app = unit.settings.app_name(workload)
            other, name = first.setdefault(app, (unit, workload))
            if (other, name) != (unit, workload):
                message = f"two workloads have the app {app!r}: {name} of {other.name}, and {workload} of {unit.name}"
                config = unit.settings.config(workload)
                place = config.place("app") if config.app else config.name_place
                hint = "set app, app-prefix or app-suffix for one of them"
                problems.append(Problem(message, hint, place if place.file else unit.project.place))


def _after(
    unit: Unit, units: Sequence[Unit], all_environments: Collection[str], problems: list[Problem]
) -> tuple[str, ...]:
    """Return the units that a unit's project, its environment, or its workloads name in `after`."""
    found: set[str] = set()
    own = unit.project.file.value("after")
    projects = {each.project.name for each in units}
    for name in parse_after(own) if own else ():
        if name not in projects:
            problems.append(
                Problem(f"after: unknown project {name!r}", nearest(name, projects), own.place if own else None)
            )
        found |= {each.name for each in units if each.project.name == name and each.environment == unit.environment}
    for each in units:
        if each.project is unit.project and each.environment == unit.environment:
            needed = {other for name in unit.workloads for other in unit.settings.config(name).after}
            found |= {each.name} if needed & {*each.workloads} else set()
    root = units[0].project.file
    for file in {id(each): each for each in (root, unit.project.file)}.values():
        value = file.value(ENVIRONMENTS, unit.environment, "after")
        for name in parse_after(value) if value else ():
            if value and name not in all_environments:
                hint = nearest(name, all_environments)
                problem = Problem(f"after: unknown environment {name!r}", hint, value.place)
                problems += [problem] if problem not in problems else []
            found |= {each.name for each in units if each.environment == name}
    return tuple(sorted(found - {unit.name}))


def select(units: Sequence[Unit], names: Sequence[str]) -> list[Unit]:
    """Return the units that names select: units, projects, environments, or folders. Raises InputError."""
    if not names:
        return list(units)
    chosen: list[Unit] = []
    known: set[str] = set()
    problems = []
    for unit in units:
        known |= {unit.name, unit.project.name, unit.environment} - {""}
    for name in names:
        folder = name.rstrip("/")
        found = [
            each
            for each in units
            if name in (each.name, each.project.name, each.environment) or folder == each.project.folder
        ]
        if not found:
            problems.append(
                Problem(f"there is no project or unit {name!r}", nearest(name, known), option_place("subtrees"))
            )
        chosen += found
    if problems:
        raise InputError(*problems)
    return [unit for unit in units if unit in chosen]
