"""The places that may set an option: command line or input, environment variable, `scorefly.yaml`, default."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scorefly.config.kinds import parse
from scorefly.config.option import Option
from scorefly.config.options import BY_NAME, OPTIONS
from scorefly.config.project_file import ProjectFile, read_project_file
from scorefly.config.workload_configs import chain
from scorefly.confined import is_inside, shown
from scorefly.problems import InputError, Place, Problem, option_place
from scorefly.values import Plain

_INPUT_FILES = ("score-files", "overrides-file", "provisioners")
_OUTPUT_PATHS = ("artefacts", "state")


def below(folder: str, path: str) -> str:
    """Return a path that a project names, relative to the workspace."""
    return path if folder == "." or Path(path).is_absolute() else f"{folder}/{path}"


class OptionSources:
    """Looks up one option after the other, and collects problems."""

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
        self.file_problems = list(self.problems)
        self.folders = {each.places.file: each.folder for each in chain(self.file) if each.folder != "."}
        self.environment = ""
        found = self._find(BY_NAME["environment"])
        self.environment = str(found[0]).strip() if found else ""
        self.environment_given = self.is_given("environment", "")

    def is_given(self, name: str, environment: str) -> bool:
        """Decide whether anything but the default sets an option."""
        option = BY_NAME[name]
        return (
            (name in self.given and not is_blank(option, self.given[name]))
            or any(self.environ.get(variable) for variable in option.all_variables)
            or self.file.option(name, environment) is not None
        )

    def all(self) -> tuple[dict[str, Any], dict[str, Place]]:
        """Return typed values by their field in Settings, and the place of each; without options that are not set."""
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
            return below(folder, value)
        return tuple(each if "://" in each else below(folder, each) for each in value)

    def _refuse_outside(self, option: Option, value: Any, place: Place) -> None:
        """Refuse input files outside the workspace, unless whoever runs scorefly names them."""
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
        """Refuse outputs in a .git folder, and outside the workspace where only a project file names them."""
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
        """Decide whether an output has to be in the workspace, because outputs are replaced and removed."""
        return not place.is_option or (self.in_action and not path.expanduser().is_absolute())

    def _find(self, option: Option) -> tuple[Plain, Place] | None:
        if option.name in self.given and not is_blank(option, self.given[option.name]):
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


def is_blank(option: Option, value: object) -> bool:
    """Decide whether a value counts as not given: a variable that is not set makes `--org "$ORG"` an empty text.

    It is one where an empty text can be meant: an empty app-suffix takes back that of scorefly.yaml.
    """
    if not isinstance(value, str) or value.strip():
        return False
    return option.kind not in ("text", "lines", "pairs", "images", "builds") or bool(option.default) or option.private
