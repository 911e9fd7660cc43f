"""Where in the Score file a part of the generated fly.toml comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def place_of(workload: Workload, config: Mapping[str, Any], path: tuple[str | int, ...]) -> Place:
    """The place of what a path in fly.toml was made of, or the nearest that is known; at last the file itself."""
    container = ("containers", next(iter(workload.containers)))
    match path:
        case ("app", *_):
            return workload.place("metadata", "name")
        case ("files", int(index), *_):
            return workload.place(*container, "files", _target(config["files"][index], "guest_path"))
        case ("mounts", int(index), *_):
            return workload.place(*container, "volumes", _target(config["mounts"][index], "destination"))
        case _:
            for beginning, element in _OF_A_CONTAINER.items():
                if path[: len(beginning)] == beginning:
                    return workload.place(*container, element, *path[len(beginning) :])
    return workload.place("service", "ports") if path[:1] in (("http_service",), ("services",)) else workload.place()


def _target(entry: object, key: str) -> str:
    return str(entry.get(key)) if isinstance(entry, Mapping) else ""
