"""Everything that can be known and checked before the first provisioner runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from scorefly.config.settings import Settings
from scorefly.confined import exists, is_glob
from scorefly.desired.builds import build_problems
from scorefly.desired.likely_mistakes import class_problems, placeholder_problems, unknown_type, unread_files
from scorefly.problems import InputError, Problem, nearest, option_place, raise_errors
from scorefly.resources.files import LoadedProvisioners, is_remote, load_provisioners
from scorefly.resources.graph import ResourceGraph, ResourceNode, build_graph
from scorefly.resources.managed import made_by_scorefly
from scorefly.resources.provisioner import Provisioner
from scorefly.score.find import find_score_files
from scorefly.score.load import load_workloads
from scorefly.score.workload import Workload

_CONSENTS = ("accept_cost", "accept_terms")

if TYPE_CHECKING:
    from scorefly.desired.git_files import GitFiles


class Loaded(Struct, frozen=True):
    """Workloads by name, their resources, and who provisions each; problems are warnings by now."""

    workloads: tuple[Workload, ...]
    graph: ResourceGraph
    provisioners: Mapping[str, Provisioner]
    problems: tuple[Problem, ...]


def load(settings: Settings, *, check_templates: bool = False) -> Loaded:
    """Loads and checks Score files and provisioner files. Raises one InputError with all that is wrong."""
    workloads, problems = _load_workloads(settings)
    available = provisioners_of(settings, check_templates=check_templates)
    graph = build_graph(workloads)
    problems += [*available.problems, *graph.problems]
    chosen: dict[str, Provisioner] = {}
    for node in graph.nodes.values():
        provisioner = available.for_resource(node.type, node.class_, node.id)
        if provisioner is None:
            problems.append(unknown_type(node, [each.spec for each in available.provisioners]))
        else:
            chosen[node.uid] = made_by_scorefly(provisioner, node.params)
            problems += _param_problems(node, provisioner)
            problems += class_problems(node, provisioner, [each.spec for each in available.of_type(node.type)])
    for workload in workloads:
        problems += placeholder_problems(workload)
    problems += build_problems(settings, workloads)
    raise_errors(problems)
    if not settings.score_files:
        problems += unread_files(settings, [workload.name for workload in workloads])
    return Loaded(tuple(sorted(workloads, key=lambda each: each.name)), graph, chosen, tuple(problems))


def provisioners_of(settings: Settings, *, check_templates: bool) -> LoadedProvisioners:
    """All provisioners a run would ask, in order. A file that is named and missing is a problem."""
    loaded = load_provisioners(
        settings.workspace,
        settings.provisioners,
        partial(_git_files, settings),
        check_templates=check_templates,
        outside=not settings.in_action,
    )
    missing = [
        Problem(f"there is no provisioner file {pattern!r}", "check the path", option_place("provisioners"))
        for pattern in settings.provisioners
        if not (is_remote(pattern) or is_glob(pattern)) and not exists(settings.workspace, pattern)
    ]
    return LoadedProvisioners(loaded.own, (*loaded.problems, *missing))


def _git_files(settings: Settings) -> GitFiles:
    from scorefly.desired.git_files import git_files

    return git_files(settings)


def _load_workloads(settings: Settings) -> tuple[tuple[Workload, ...], list[Problem]]:
    files, missing = find_score_files(settings.workspace, settings.score_files, outside=not settings.in_action)
    problems = list(missing)
    narrowed = settings.overrides_file or settings.override_property
    if narrowed and len(files) > 1:
        option = "overrides-file" if settings.overrides_file else "override-property"
        hint = "name the one Score file they are for"
        raise InputError(
            Problem(f"overrides change one Score file, and there are {len(files)}", hint, option_place(option))
        )
    workloads, found = load_workloads(
        settings.workspace,
        files,
        overrides_file=Path(settings.overrides_file) if settings.overrides_file else None,
        override_properties=settings.override_property,
        declared=settings.checkouts,
        fragment_of=lambda name: settings.config(name).score,
        for_workloads={name: (Path(each.file), each.place) for name, each in settings.overrides.items()},
        outside=not settings.in_action,
    )
    names = [workload.name for workload in workloads]
    # Of some Score files it cannot be told whether one of the others is meant.
    strangers = () if settings.score_files or found else settings.overrides.keys() - set(names)
    problems += [
        Problem(f"no workload is called {name!r}", nearest(name, names), settings.overrides[name].place)
        for name in sorted(strangers)
    ]
    problems += [] if settings.score_files or found else _unknown_workloads(settings, names)
    problems += _other_organizations(settings, names)
    return workloads, [*problems, *found]


def _other_organizations(settings: Settings, names: Sequence[str]) -> list[Problem]:
    """Refuse workloads of another organization than the run's: a sync deploys them by themselves."""
    return [
        Problem(f"org: {name} is in organization {config.org!r}", "run scorefly sync", config.place("org"))
        for name in names
        if (config := settings.config(name)).org not in ("", settings.org)
    ]


def _unknown_workloads(settings: Settings, names: Sequence[str]) -> list[Problem]:
    """Warn of entries of the `workloads` section that no Score file has a workload for."""
    return [
        Problem(f"no workload is called {name!r}", nearest(name, names), config.name_place, "warning")
        for name, config in sorted(settings.workloads.items())
        if name not in names
    ]


def _param_problems(node: ResourceNode, provisioner: Provisioner) -> list[Problem]:
    if provisioner.spec.built_in:
        for name in {*_CONSENTS}.intersection(node.params, provisioner.spec.supported_params or ()):
            value = node.params[name]
            if not isinstance(value, bool):
                message = f"{node.uid}: params.{name} is {value!r}, and only true accepts it"
                return [Problem(message, f"write {name}: true, without quotes", node.place)]
    supported = provisioner.spec.supported_params
    if supported is None:
        return []
    known = ", ".join(supported) or "none"
    return [
        Problem(
            f"{provisioner.spec.uri} reads no param {name!r} of resource {node.name!r}",
            f"it reads: {known}",
            node.place,
            severity="warning",
        )
        for name in node.params
        if name not in supported
    ]
