"""Several fly.toml files as workloads of one project: files to write, and sections of scorefly.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.convert.overlay import Overlay, lay_over
from scorefly.problems import Place, Problem
from scorefly.unconvert.build import without_build
from scorefly.unconvert.carried import CONTAINER, Carried, Source, carry, generate
from scorefly.unconvert.document import yaml_text
from scorefly.unconvert.fly_toml import FlyToml
from scorefly.unconvert.flycd import FlycdApp
from scorefly.unconvert.flycd_output import (
    common_options,
    merged_settings,
    name_organizations,
    score_file,
    with_secrets,
    workload_settings,
)
from scorefly.unconvert.fragment import fragment_between
from scorefly.unconvert.names import PRODUCTION, environment_token, is_environment, stem, workload_name

SCORE_FILE = "score.yaml"


class Input(Struct, frozen=True):
    """A fly.toml to convert: what was read, and its folder relative to the root of what is written.

    `flycd` is the app.yaml that it was read from, `beside` are the files in its folder.
    """

    fly: FlyToml
    folder: PurePosixPath
    flycd: FlycdApp | None = None
    beside: tuple[str, ...] = ()


class Output(Struct):
    """Files by path, sections of scorefly.yaml, apps by environment, and the Score files whose image is built."""

    files: dict[str, str] = field(default_factory=dict)
    project: dict[str, Any] = field(default_factory=dict)
    apps: dict[str, list[str]] = field(default_factory=dict)
    builds: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class Group(Struct, frozen=True):
    """One workload: its fly.toml, and those of other environments by name."""

    base: Input
    others: Mapping[str, Input] = field(default_factory=dict)
    environment: str = ""


def convert_inputs(inputs: Sequence[Input], workspace: Path) -> Output:
    """Convert fly.toml files that are read and accepted; `workspace` is where they are."""
    output = Output()
    groups = [group for folder in dict.fromkeys(each.folder for each in inputs) for group in _groups(inputs, folder)]
    taken: dict[str, Place] = {}
    apps = [each.flycd for each in inputs if each.flycd]
    name_organizations(apps)
    for group in groups:
        name = _name(group, workspace)
        place = group.base.fly.place(("app",))
        if name in taken:
            message = f"two workloads would be called {name!r}: the other one is {taken[name]}"
            output.problems.append(Problem(message, "convert them into separate folders with --output", place))
            continue
        taken[name] = place
        siblings = sum(each.base.folder == group.base.folder for each in groups)
        file = SCORE_FILE if siblings == 1 else f"{name}.{SCORE_FILE}"
        flycd = group.base.flycd
        context = flycd.context if flycd and not flycd.is_remote else None
        _convert_group(group, Source(name, workspace, group.base.folder, context), file, output)
    if apps:
        output.project = {**common_options(apps), **output.project}
    return output


def _groups(inputs: Sequence[Input], folder: PurePosixPath) -> list[Group]:
    """The workloads of a folder: fly.toml and fly.ENVIRONMENT.toml are one, anything else is one of its own."""
    own = [each for each in inputs if each.folder == folder]
    plain = next((each for each in own if not environment_token(each.fly.file)), None)
    found: dict[str, Input] = {}
    single: list[Input] = []
    for each in own:
        token = environment_token(each.fly.file)
        if token and is_environment(token, each.fly.app, plain.fly.app if plain else None):
            found[token] = each
        elif each is not plain:
            single.append(each)
    groups = [Group(each) for each in single]
    if plain is not None:
        return [Group(plain, found), *groups]
    if found:
        first = next(token for token in (*PRODUCTION, *found) if token in found)
        return [Group(found[first], {key: each for key, each in found.items() if key != first}, first), *groups]
    return groups


def _name(group: Group, workspace: Path) -> str:
    """A name without that of an environment, where the app has one."""
    app = stem(group.base.fly.app, group.environment) if group.environment else group.base.fly.app
    folder = group.base.folder if group.base.folder.name else PurePosixPath(workspace.name)
    return workload_name(app, folder)


def _convert_group(group: Group, source: Source, file: str, output: Output) -> None:
    carried = carry(group.base.fly.document, source)
    score, flycd = carried.document, group.base.flycd
    if flycd:
        file = score_file(flycd, source.workload, file)
        score = with_secrets(score, CONTAINER, flycd)
    path = (group.base.folder / file).as_posix()
    output.files[path] = yaml_text(score, f"Converted from {group.base.fly.file}.")
    if carried.fly:
        output.files[f".scorefly/overlay.{source.workload}.yaml"] = yaml_text(
            carried.fly, f"What Score has no element for, merged over the fly.toml of {source.workload}."
        )
    if flycd:
        settings = workload_settings(flycd, PurePosixPath(path), group.base.beside)
        own = {"builds": {CONTAINER: dict(carried.build)}} if carried.build and not flycd.is_remote else {}
        if settings := merged_settings(own, settings):
            output.project.setdefault("workloads", {})[source.workload] = settings
        output.files |= {(group.base.folder / name).as_posix(): text for name, text in flycd.files.items()}
        output.problems += [each for each in flycd.problems if each.severity != "error"]
    built = carried.score["containers"][CONTAINER]["image"] == "."
    if (
        built
        and not carried.build
        and not (flycd and flycd.is_remote)
        and not group.base.fly.document.get("build", {}).get("builtin")
    ):
        output.builds.append(path)
    app = group.base.fly.app or source.workload
    output.apps.setdefault(group.environment, []).append(app)
    if app != source.workload:
        target = output.project
        if group.environment:
            target = target.setdefault("environments", {}).setdefault(group.environment, {})
        target.setdefault("workloads", {}).setdefault(source.workload, {})["app"] = group.base.fly.app
    if group.environment:
        output.project.setdefault("environments", {}).setdefault(group.environment, {})
    if carried.build and not flycd:
        workloads = output.project.setdefault("workloads", {})
        workloads.setdefault(source.workload, {})["builds"] = {CONTAINER: dict(carried.build)}
    for environment, other in group.others.items():
        entry = output.project.setdefault("environments", {}).setdefault(environment, {})
        if section := _environment(carried, other, source):
            entry.setdefault("workloads", {})[source.workload] = section
        output.apps.setdefault(environment, []).append(other.fly.app or source.workload)


def _environment(base: Carried, other: Input, source: Source) -> dict[str, Any]:
    """Return what one environment changes: its app's name, a Score fragment, and a fragment of fly.toml."""
    document = other.fly.document
    own = carry(document, source)
    section: dict[str, Any] = {}
    if other.fly.app and other.fly.app != source.workload:
        section["app"] = other.fly.app
    if patch := merge_patch_between(base.document, own.document):
        section["score"] = patch
    if own.build and own.build != base.build:
        section["builds"] = {CONTAINER: dict(own.build)}
    app = generate(replace(own, fly={}), source)
    desired = without_build(document, own.build)
    if app is not None and (fly := fragment_between(lay_over(app, [Overlay("", base.fly)]), desired, source.path)):
        section["fly"] = fly
    return section


def merge_patch_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON merge patch that makes `after` of `before`."""
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            if inner := merge_patch_between(old, value):
                patch[key] = inner
        elif value != old or key not in before:
            patch[key] = value
    return patch
