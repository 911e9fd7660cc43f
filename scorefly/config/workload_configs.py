"""The settings of workloads in one environment, from the layers of a project's file and of those that include it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from scorefly.config.project_file import ProjectFile
from scorefly.config.value import Value, expand, merge_layers, read_vars
from scorefly.config.workloads import WORKLOADS, WorkloadConfig, to_config
from scorefly.problems import InputError, Problem
from scorefly.values import Plain


@dataclass(frozen=True)
class WorkloadConfigs(Mapping[str, WorkloadConfig]):
    """The settings of workloads by name. It iterates over the workloads that the file names.

    `get` knows every other name too, where the file or a parent has `defaults` or `always` for all workloads.
    """

    file: ProjectFile = field(default_factory=ProjectFile)
    environment: str = ""
    configs: dict[str, WorkloadConfig] = field(default_factory=dict)
    has_layers: bool = False

    def __getitem__(self, name: str) -> WorkloadConfig:
        if name in self.configs:
            return self.configs[name]
        if not self.has_layers:
            raise KeyError(name)
        problems: list[Problem] = []
        config = _config(self.file, self.environment, name, problems)
        if problems:
            raise InputError(*problems)
        return config

    def __contains__(self, name: object) -> bool:
        return name in self.configs

    def __iter__(self) -> Iterator[str]:
        return iter(self.configs)

    def __len__(self) -> int:
        return len(self.configs)


def workload_configs(file: ProjectFile, environment: str, problems: list[Problem]) -> WorkloadConfigs:
    """Merge the layers of every workload that the file names. All that is invalid is added to `problems`."""
    sections = file.values(WORKLOADS, environment)
    names = dict.fromkeys(name for section in sections for name in section.children())
    configs = {name: _config(file, environment, name, problems) for name in names}
    has_layers = any(each.values(key, environment) for each in chain(file) for key in ("defaults", "always"))
    return WorkloadConfigs(file, environment, configs, has_layers)


def chain(file: ProjectFile) -> list[ProjectFile]:
    """Return a project file after those that include it."""
    return [*(chain(file.parent) if file.parent else ()), file]


def variables(file: ProjectFile, environment: str, problems: list[Problem]) -> dict[str, Plain]:
    """Return the variables of a project: its own replace those of the projects that include it."""
    found: dict[str, Plain] = {}
    for each in chain(file):
        for value in each.values("vars", environment):
            found |= read_vars(value, problems)
    return found


def _config(file: ProjectFile, environment: str, name: str, problems: list[Problem]) -> WorkloadConfig:
    files = chain(file)
    own = [child for section in file.values(WORKLOADS, environment) if (child := section.children().get(name))]
    defaults = [layer for each in files for layer in each.values("defaults", environment)]
    # What the outermost project says last counts.
    always = [layer for each in reversed(files) for layer in reversed(each.values("always", environment))]
    layers = [*defaults, *own, *always]
    if not any("source" in layer.children() for layer in own):
        layers = [_without_source(layer) for layer in layers]
    merged = merge_layers(layers)
    found: list[Problem] = []
    names = variables(file, environment, [])
    project = file.value("project")
    names |= {"environment": environment, "project": project.data if project else "", "workload": name}
    expanded = expand(merged, names, found)
    name_place = own[0].place if own else merged.place
    config = to_config(expanded, name_place, found)
    problems += [each for each in found if each not in problems]
    return config


def _without_source(layer: Value) -> Value:
    """A layer for all workloads does not make one of this repository come from elsewhere."""
    data = layer.data if isinstance(layer.data, dict) else {}
    return Value({key: each for key, each in data.items() if key != "source"}, layer.places, layer.path)
