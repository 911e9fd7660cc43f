"""Settings from everywhere they may come from: option or input, environment variable, `scorefly.yaml`, default."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from scorefly.config.checkout import repository
from scorefly.config.environments import environment_problems
from scorefly.config.option import Option
from scorefly.config.options import BY_NAME, OPTIONS
from scorefly.config.parse import parse
from scorefly.config.previews import PREVIEWS, parse_previews, unshared_notices
from scorefly.config.project_file import ProjectFile, read_project_file
from scorefly.config.settings import PROVISIONERS, Settings, is_preview
from scorefly.config.workload_configs import chain, workload_configs
from scorefly.confined import is_inside, shown
from scorefly.fly.regions import suggest_region
from scorefly.github.context import read_trigger
from scorefly.github.event import from_fork
from scorefly.problems import InputError, Place, Problem, option_place, raise_errors
from scorefly.values import Plain

VARIABLE_PREFIX = "SCOREFLY_VAR_"


def load_settings(
    command: str,
    given: Mapping[str, str | Sequence[str]],
    environ: Mapping[str, str],
    workspace: Path,
    *,
    in_action: bool,
) -> Settings:
    """The settings of one run. `given` are options by their name, as text or as lines.

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
    sources = _Sources(given, environ, workspace, in_action, project_file, file)
    values, places = sources.all()
    found = _environment_problems(command, sources, values) if checks_environment else []
    sources.problems += [each for each in found if each.severity == "error"]
    _check_texts(values, places, sources.problems)
    _check_deploy_args(values, places, sources.problems)
    _refuse_placeholder_prefix(command, values, places, sources.problems)
    if sources.problems:
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
    raise_errors(workload_problems)
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
    overrides = {name: replace(each, file=_below(file.folder, each.file)) for name, each in settings.overrides.items()}
    provisioners = settings.provisioners
    if provisioners == PROVISIONERS:
        provisioners = tuple(_below(each.folder, PROVISIONERS[0]) for each in reversed(chain(file)))
    return replace(settings, overrides=overrides, provisioners=provisioners, folder=file.folder, stage=environment)


_RUN_ONLY = ("score-files", "overrides-file", "override-property")


def _below(folder: str, path: str) -> str:
    return path if folder == "." or Path(path).is_absolute() else f"{folder}/{path}"


def _environment_problems(command: str, sources: _Sources, values: Mapping[str, Any]) -> list[Problem]:
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


_INPUT_FILES = ("score-files", "overrides-file", "provisioners")
_OUTPUT_PATHS = ("artefacts", "state")


class _Sources:
    """Looks one option up after the other, gathering problems."""

    def __init__(
        self,
        given: Mapping[str, str | Sequence[str]],
        environ: Mapping[str, str],
        workspace: Path,
        in_action: bool,
        project_file: bool,
        file: ProjectFile | None = None,
    ) -> None:
        self.given = given
        self.environ = environ
        self.in_action = in_action
        self.problems: list[Problem] = []
        named = given.get("config") or environ.get("SCOREFLY_CONFIG")
        name = str(named or BY_NAME["config"].default)
        self.workspace = workspace
        outside = bool(named) and not in_action
        if file is None and project_file:
            file = read_project_file(workspace, name, named=bool(named), outside=outside, problems=self.problems)
        self.file = file or ProjectFile()
        self.folders = {each.places.file: each.folder for each in chain(self.file) if each.folder != "."}
        self.environment = ""
        found = self._find(BY_NAME["environment"])
        self.environment = str(found[0]).strip() if found else ""
        self.environment_given = self.is_given("environment", "")

    def is_given(self, name: str, environment: str) -> bool:
        """Report whether anything but the default says what an option is."""
        option = BY_NAME[name]
        return (
            name in self.given
            or any(self.environ.get(variable) for variable in option.all_variables)
            or self.file.option(name, environment) is not None
        )

    def all(self) -> tuple[dict[str, Any], dict[str, Place]]:
        """Typed values by their field in Settings, and where each came from; those that were not given are left out."""
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        for option in OPTIONS:
            if option.name == "config":
                continue
            found = self._find(option)
            if found is None:
                continue
            try:
                values[option.field] = self._relative_to_project(option, parse(option, *found), found[1])
                places[option.field] = found[1]
                self._refuse_outside(option, values[option.field], found[1])
                self._refuse_output(option, values[option.field], found[1])
            except InputError as error:
                self.problems.extend(error.problems)
        return values, places

    def _relative_to_project(self, option: Option, value: Any, place: Place) -> Any:
        """Return paths that the file of a project below the workspace names relative to the workspace."""
        folder = self.folders.get(place.file)
        if option.name not in _INPUT_FILES or folder is None:
            return value
        if isinstance(value, str):
            return _below(folder, value)
        return tuple(each if "://" in each else _below(folder, each) for each in value)

    def _refuse_outside(self, option: Option, value: Any, place: Place) -> None:
        """Only whoever runs scorefly names input files outside the workspace; a repository's project file does not."""
        if option.name not in _INPUT_FILES or place.is_option:
            return
        for path in (value,) if isinstance(value, str) else value:
            if "://" not in path and not is_inside(self.workspace, path):
                self.problems.append(
                    Problem(f"{shown(path)} is outside the workspace", self._hint("copy it", option), place)
                )

    def _hint(self, verb: str, option: Option) -> str:
        given = f"give {option.name} as an input" if self.in_action else f"give --{option.name} on the command line"
        return f"{verb} into the workspace, or {given}"

    def _refuse_output(self, option: Option, value: Any, place: Place) -> None:
        """No output goes into a .git folder, and none outside the workspace that only a project file names."""
        if option.name not in _OUTPUT_PATHS or (option.name == "state" and not value.startswith("file:")):
            return
        path = Path(value.removeprefix("file:") if option.name == "state" else value)
        absolute = Path(os.path.normpath(self.workspace / path.expanduser()))
        if "\0" in value:
            self.problems.append(Problem(f"{option.name} has a NUL byte", "give the path of a folder", place))
        elif any(part.casefold() == ".git" for part in absolute.parts):
            hint = "give a folder outside .git"
            self.problems.append(Problem(f"{option.name}: {shown(path)} is in a .git folder", hint, place))
        elif not absolute.is_relative_to(self.workspace) and self._may_not_leave(path, place):
            hint = self._hint("move it", option)
            self.problems.append(Problem(f"{option.name}: {shown(path)} is outside the workspace", hint, place))

    def _may_not_leave(self, path: Path, place: Place) -> bool:
        """Outputs are replaced and removed: a repository's file names no place elsewhere for them."""
        return not place.is_option or (self.in_action and not path.expanduser().is_absolute())

    def _find(self, option: Option) -> tuple[Plain, Place] | None:
        if option.name in self.given:
            value = self.given[option.name]
            return (value if isinstance(value, str) else list(value)), option_place(option.name)
        for variable in option.all_variables:
            if self.environ.get(variable):
                return self.environ[variable], Place(f"${variable}", is_option=True)
        if found := self.file.option(option.name, self.environment):
            return found
        default = option.default if self.in_action or option.cli_default is None else option.cli_default
        has_special_default = option.name in ("score-files", "cleanup") or not default
        return None if has_special_default else (default, option_place(option.name))


TEXT_RULES: Mapping[str, tuple[str, str]] = {
    "environment": (r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", "use letters, digits, `.`, `_` and `-`, 63 at most"),
    "images_from": (r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", "name an environment"),
    "org": (r"[a-z0-9][a-z0-9-]*", "give the organization's slug, as `flyctl orgs list` shows it"),
    "region": (r"[a-z]{3}", "give a region's three letters, such as ams"),
    "app_prefix": (r"[a-z0-9][a-z0-9-]*", "app names have lower-case letters, digits and `-`"),
    "app_suffix": (r"[a-z0-9-]*[a-z0-9]", "app names have lower-case letters, digits and `-`"),
    "state": (r"git|file|file:.+", "say git, file or file:PATH"),
}


def _check_deploy_args(values: Mapping[str, Any], places: Mapping[str, Place], problems: list[Problem]) -> None:
    if arguments := values.get("deploy_args"):
        from scorefly.fly.deploy_flags import refused

        if problem := refused(arguments):
            argument, hint = problem
            problems.append(Problem(f"deploy-args: {argument!r} is not passed to flyctl", hint, places["deploy_args"]))


PLACEHOLDER_PREFIX = "change-me-"  # what `scorefly init` writes where no app prefix is given


def _refuse_placeholder_prefix(
    command: str, values: Mapping[str, Any], places: Mapping[str, Place], problems: list[Problem]
) -> None:
    deploys = command in ("deploy", "plan", "preview") and not values.get("rehearse")
    if deploys and values.get("app_prefix") == PLACEHOLDER_PREFIX:
        hint = "set it to a prefix of your own, such as your organization's name"
        problems.append(Problem(f"app-prefix is still {PLACEHOLDER_PREFIX!r}", hint, places["app_prefix"]))


_TOKENS: Mapping[str, str] = {
    "fly_api_token": r"(?:(?:FlyV1|Bearer) )?[!-~]+",
    "github_token": r"[!-~]+",
    "state_key": r"\s*[!-~]+(?:\s+[!-~]+)*\s*",
}


def _check_texts(values: Mapping[str, Any], places: Mapping[str, Place], problems: list[Problem]) -> None:
    for name, pattern in _TOKENS.items():
        text = values.get(name)
        if text and not re.fullmatch(pattern, text):
            message = f"{name.replace('_', '-')} has a space, a line break or a character that no token has"
            problems.append(Problem(message, "store it again, as one line", places[name]))
    for name, (pattern, hint) in TEXT_RULES.items():
        text = values.get(name)
        if text and not re.fullmatch(pattern, text, re.ASCII):
            meant = suggest_region(text) if name == "region" else ""
            more = f": {meant}" if meant.startswith("did you mean") else ""
            problems.append(Problem(f"{name.replace('_', '-')} is {text!r}", f"{hint}{more}", places[name]))
