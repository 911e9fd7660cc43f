"""Where in the Score file a part of the generated fly.toml comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorefly.convert.annotations import ANNOTATIONS, PREFIX
from scorefly.fly.app import App
from scorefly.fly.check.finding import DOCUMENT, Finding
from scorefly.problems import Place
from scorefly.score.workload import Workload

# The beginning of a path in fly.toml, and what of a container it was made of.
_OF_A_CONTAINER = {
    ("build",): "image",
    ("experimental", "entrypoint"): "command",
    ("experimental", "cmd"): "args",
    ("env",): "variables",
    ("vm",): "resources",
    ("checks", "liveness"): "livenessProbe",
    ("checks", "readiness"): "readinessProbe",
    ("http_service", "checks"): "readinessProbe",
}


_OF_CONTAINERS = {
    "image": "image",
    "entrypoint": "command",
    "cmd": "args",
    "env": "variables",
    "secrets": "variables",
    "depends_on": "before",
}


def place_of(workload: Workload, app: App, finding: Finding) -> Place:
    """The place of what a part of an artefact was made of, or the nearest that is known; at last the file itself."""
    path = finding.path
    if finding.document != DOCUMENT:
        return _in_machine(workload, app.machine, path)
    for annotation in ANNOTATIONS:
        place = ("metadata", "annotations", f"{PREFIX}{annotation.name}")
        if annotation.path and annotation.path == tuple(map(str, path)) and place[2] in workload.annotations:
            return workload.place(*place)
    container = ("containers", str(app.config.get("container") or next(iter(workload.containers))))
    match path:
        case ("app", *_):
            return workload.place("metadata", "name")
        case ("files", int(index), *_):
            return workload.place(*container, "files", _target(app.config["files"][index], "guest_path"))
        case ("mounts", int(index), *_):
            return workload.place(*container, "volumes", _target(app.config["mounts"][index], "destination"))
        case _:
            for beginning, element in _OF_A_CONTAINER.items():
                if path[: len(beginning)] == beginning:
                    return workload.place(*container, element, *path[len(beginning) :])
    return workload.place("service", "ports") if path[:1] in (("http_service",), ("services",)) else workload.place()


def _in_machine(workload: Workload, machine: Mapping[str, Any], path: tuple[str | int, ...]) -> Place:
    match path:
        case ("containers", int(index), *rest):
            container = machine["containers"][index]
            at = ("containers", str(container["name"]))
            match rest:
                case ["files", int(number), *_]:
                    return workload.place(*at, "files", _target(container["files"][number], "guest_path"))
                case ["healthchecks", int(number), *_]:
                    return workload.place(*at, f"{_target(container['healthchecks'][number], 'name')}Probe")
                case [str(key), *inner] if key in _OF_CONTAINERS:
                    return workload.place(*at, _OF_CONTAINERS[key], *inner)
            return workload.place(*at)
    return workload.place()


def _target(entry: object, key: str) -> str:
    return str(entry.get(key)) if isinstance(entry, Mapping) else ""
