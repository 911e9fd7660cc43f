"""Finds the line of a Score file that a part of the generated fly.toml or machine.json is made from."""

from __future__ import annotations

from collections.abc import Mapping

from scorefly.convert.read_annotations import annotation_of
from scorefly.fly.app import App
from scorefly.fly.check.finding import DOCUMENT, Finding, Path
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
# A key of a container in machine.json, and what of the Score container it was made of.
_OF_CONTAINERS = {"image": "image", "entrypoint": "command", "cmd": "args", "env": "variables"}


def place_of(workload: Workload, app: App, finding: Finding) -> Place:
    """The place of what a part of an artefact was made of, or the nearest that is known; at last the file itself."""
    path = finding.path
    if finding.document != DOCUMENT:
        return _in_machine(workload, app, path)
    if key := annotation_of(workload, path):
        return workload.place("metadata", "annotations", key)
    container = ("containers", str(app.config.get("container") or next(iter(workload.containers))))
    match path:
        case ("app", *_):
            return workload.place("metadata", "name")
        case ("files", int(index), *_):
            return workload.place(*container, "files", _text(app.config["files"][index], "guest_path"))
        case ("mounts", int(index), *_):
            target = _text(app.config["mounts"][index], "destination")
            holders = [name for name, each in workload.containers.items() if target in {v.target for v in each.volumes}]
            return workload.place("containers", *(holders[:1] or container[1:]), "volumes", target)
        case _:
            for beginning, element in _OF_A_CONTAINER.items():
                if path[: len(beginning)] == beginning:
                    return workload.place(*container, element, *path[len(beginning) :])
    return workload.place("service", "ports") if path[:1] in (("http_service",), ("services",)) else workload.place()


def _in_machine(workload: Workload, app: App, path: Path) -> Place:
    if len(path) < 2 or path[0] != "containers":
        return workload.place()
    config = app.machine["containers"][path[1]]
    container = ("containers", _text(config, "name"))
    match path[2:]:
        case ("files", int(index), *_):
            return workload.place(*container, "files", _text(config["files"][index], "guest_path"))
        case ("healthchecks", int(index), *_):
            return workload.place(*container, f"{_text(config['healthchecks'][index], 'name')}Probe")
        case ("depends_on", int(index), *_):
            return workload.place("containers", _text(config["depends_on"][index], "name"), "before", container[1])
        case ("secrets", int(index), *_):
            return workload.place(*container, "variables", _text(config["secrets"][index], "env_var"))
        case (str(key), *inside) if key in _OF_CONTAINERS:
            return workload.place(*container, _OF_CONTAINERS[key], *inside)
    return workload.place(*container)


def _text(entry: object, key: str) -> str:
    return str(entry.get(key)) if isinstance(entry, Mapping) else ""
