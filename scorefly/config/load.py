"""Settings from everywhere they may come from: option or input, environment variable, `scorefly.yaml`, default."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from scorefly.config.checkout import repository
from scorefly.config.checks import check_deploy_args, check_texts, refuse_placeholder_prefix
from scorefly.config.environments import environment_problems
from scorefly.config.previews import PREVIEWS, parse_previews, unshared_notices
from scorefly.config.project_file import ProjectFile
from scorefly.config.settings import PROVISIONERS, Settings, is_preview
from scorefly.config.sources import OptionSources, below
from scorefly.config.workload_configs import chain, workload_configs
from scorefly.github.context import read_trigger
from scorefly.github.event import from_fork
from scorefly.problems import InputError, Problem, raise_errors

VARIABLE_PREFIX = "SCOREFLY_VAR_"


def load_settings(
    command: str,
    given: Mapping[str, str | Sequence[str]],
    environ: Mapping[str, str],
    workspace: Path,
    *,
    in_action: bool,
) -> Settings:
    """Return the settings of one run. `given` are options by their name, as text or as lines.

    Raises one InputError with all that is wrong. `environ` is read here and nowhere further down.
    """
    if command == "preview":
        from scorefly.github.event import preview_environment

        given = {**given, "environment": preview_environment(environ)}
        inputs_only = _settings(command, given, environ, workspace, in_action=in_action, project_file=False)
        try:
            settings = _settings(command, given, environ, workspace, in_action=in_action)
        except InputError as error:
            # It may be a fork's, which does not count: GitHub's API knows, and what is checked out tells.
            settings = replace(inputs_only, unreadable=error)
        return replace(settings, inputs_only=inputs_only)
    if in_action and from_fork(environ):
        inputs_only = _settings(command, given, environ, workspace, in_action=True, project_file=False)
        if not inputs_only.allow_forks and (inputs_only.rehearse or command == "plan"):
            return inputs_only
    settings = _settings(command, given, environ, workspace, in_action=in_action, checks_environment=True)
    if command == "cleanup":
        previews = _settings(command, {**given, "environment": "pr-0"}, environ, workspace, in_action=in_action)
        return replace(settings, previews=previews)
    return settings


def _settings(
    command: str,
    given: Mapping[str, str | Sequence[str]],
    environ: Mapping[str, str],
    workspace: Path,
    *,
    in_action: bool,
    project_file: bool = True,
    checks_environment: bool = False,
    known: Settings | None = None,
    file: ProjectFile | None = None,
) -> Settings:
    sources = OptionSources(given, environ, workspace, in_action, project_file, file)
    values, places = sources.all()
    found = _environment_problems(command, sources, values) if checks_environment else []
    sources.problems += [each for each in found if each.severity == "error"]
    check_texts(values, places, sources.problems)
    check_deploy_args(values, places, sources.problems)
    refuse_placeholder_prefix(command, values, places, sources.problems)
    # A tree has more files: what is wrong with all of them is reported together.
    deferred = sources.file_problems if command in _TREE_COMMANDS and sources.file.has_tree and known is None else []
    if any(each not in deferred for each in sources.problems):
        raise InputError(*sources.problems)
    variables = {
        name.removeprefix(VARIABLE_PREFIX): value for name, value in environ.items() if name.startswith(VARIABLE_PREFIX)
    }
    values["variables"] = {**variables, **values.get("variables", {})}
    if base_url := environ.get("FLY_FLAPS_BASE_URL"):
        values["fly_base_url"] = base_url
    if artefacts := values.get("artefacts"):
        values["artefacts"] = _relative(artefacts, workspace, environ.get("GITHUB_WORKSPACE", ""))
    if section := sources.file.value(PREVIEWS):
        values["shared_in_previews"] = parse_previews(section, [])
        if is_preview(sources.environment):
            found = [*found, *unshared_notices(section)]
    values["overrides"] = sources.file.overrides(sources.environment)
    workload_problems: list[Problem] = []
    values["workloads"] = workload_configs(sources.file, sources.environment, workload_problems)
    if known is None and not (command in _TREE_COMMANDS and sources.file.has_tree):
        raise_errors(workload_problems)
    values["invalid"] = (*deferred, *workload_problems)
    values["repository"] = repository(environ, workspace) if known is None else known.repository
    values["given"] = given
    values["trigger"] = read_trigger(environ)
    values["environment_given"] = sources.environment_given
    values["environment_declared"] = sources.file.has_environment(sources.environment)
    values["org_given"] = sources.is_given("org", sources.environment)
    values["notices"] = tuple(each for each in found if each.severity != "error")
    return Settings(command=command, workspace=workspace, in_action=in_action, environ=environ, **values)


def load_unit_settings(root: Settings, file: ProjectFile, environment: str) -> Settings:
    """Return the settings of one project in one environment: those of a run, with the project's file."""
    given = {**{name: each for name, each in root.given.items() if name not in _RUN_ONLY}, "environment": environment}
    settings = _settings(
        root.command, given, root.environ, root.workspace, in_action=root.in_action, known=root, file=file
    )
    overrides = {name: replace(each, file=below(file.folder, each.file)) for name, each in settings.overrides.items()}
    provisioners = settings.provisioners
    if provisioners == PROVISIONERS:
        provisioners = tuple(below(each.folder, PROVISIONERS[0]) for each in reversed(chain(file)))
    return replace(settings, overrides=overrides, provisioners=provisioners, folder=file.folder, stage=environment)


_TREE_COMMANDS = ("sync", "plan", "validate", "repos", "pin")
_RUN_ONLY = ("score-files", "overrides-file", "override-property")


def _environment_problems(command: str, sources: OptionSources, values: Mapping[str, Any]) -> list[Problem]:
    return environment_problems(
        command,
        sources.file,
        sources.environment,
        given=sources.environment_given,
        rehearse=bool(values.get("rehearse")),
    )


def _relative(path: str, workspace: Path, named: str) -> str:
    """Return an absolute path inside the workspace relative to it: a workflow's later steps have it elsewhere."""
    normal = Path(os.path.normpath(path))
    for base in (workspace, Path(named or workspace)):
        if normal.is_absolute() and normal.is_relative_to(base):
            return normal.relative_to(base).as_posix()
    return path
