"""Reads the annotations of a workload, and puts those into fly.toml that are nothing but a key of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from scorefly.convert.annotation_values import parse_annotation
from scorefly.convert.annotations import ANNOTATIONS, BY_NAME, OF_A_PORT, PREFIX, SCORE_FLYIO, Annotation
from scorefly.fly.sizes import NO_GPUS
from scorefly.problems import Place, Problem, nearest
from scorefly.score.workload import Workload

_THEIRS = ("handlers", "http-options", "auto-stop", "min-running", "concurrency")
_GONE = ("gpu-kind", "gpus")


class Annotations(Struct, frozen=True):
    """The annotations of one workload, read: by name, and by port and name."""

    values: Mapping[str, Any] = field(default_factory=dict)
    of_ports: Mapping[tuple[str, str], Any] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of an annotation of the workload."""
        return self.values.get(name, default)

    def of(self, port: str, name: str) -> Any:
        """Return the value for a port, else the workload's own, else None."""
        return self.of_ports.get((port, name), self.values.get(name))


def read_annotations(workload: Workload, problems: list[Problem]) -> Annotations:
    """Read a workload's annotations; those with other prefixes are ignored."""
    values: dict[str, Any] = {}
    of_ports: dict[tuple[str, str], Any] = {}
    for key, text in workload.annotations.items():
        prefix = next((each for each in (PREFIX, SCORE_FLYIO) if key.startswith(each)), None)
        if prefix is None:
            continue
        place = workload.place("metadata", "annotations", key)
        name = key.removeprefix(prefix)
        port, of_port = _of_port(name, workload)
        if prefix == PREFIX and name in _GONE:
            problems.append(Problem(f"{key}: {NO_GPUS}", "take the annotation out", place))
            continue
        annotation = of_port or (BY_NAME.get(name) if prefix == PREFIX else None)
        if annotation is None or (prefix == SCORE_FLYIO and annotation.name.partition("<port>-")[2] not in _THEIRS):
            problems.append(_unknown(key, name, workload, place))
            continue
        try:
            value = parse_annotation(annotation, text)
        except ValueError as error:
            problems.append(Problem(f"{key} is {text!r}: {error}", f"for example {annotation.example!r}", place))
            continue
        if of_port:
            # Ours come first where a port has both.
            key_of_port = (port, annotation.name.partition("<port>-")[2])
            if prefix == PREFIX or key_of_port not in of_ports:
                of_ports[key_of_port] = value
        else:
            values[name] = value
    return Annotations(values, of_ports)


def annotation_of(workload: Workload, path: tuple[str | int, ...]) -> str | None:
    """Return the annotation that a value at a path in fly.toml came from, by its whole key; else None."""
    for key in workload.annotations:
        annotation = BY_NAME.get(key.removeprefix(PREFIX)) if key.startswith(PREFIX) else None
        if annotation and annotation.path and path[: len(annotation.path)] == tuple(map(_step, annotation.path)):
            return key
    return None


def _step(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


def apply(annotations: Annotations, config: dict[str, Any]) -> None:
    """Put annotations into fly.toml that are nothing but a key of it."""
    for each in ANNOTATIONS:
        if each.path and each.name in annotations.values and (each.path[0] != "mounts" or config.get("mounts")):
            _put(config, each.path, annotations.values[each.name])


def _put(config: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    first, *rest = path
    if not rest:
        config[first] = value
        return
    if rest[0] == "0":
        tables = config.setdefault(first, [{}])
        _put(tables[0], tuple(rest[1:]), value)
        return
    _put(config.setdefault(first, {}), tuple(rest), value)


def _of_port(name: str, workload: Workload) -> tuple[str, Annotation | None]:
    """Return the port and the annotation of `service-<port>-<what>`.

    Names of ports may hold dashes: the longest one that matches is taken.
    """
    for port in sorted(workload.ports, key=len, reverse=True):
        head = f"service-{port}-"
        if name.startswith(head) and (annotation := OF_A_PORT.get(name.removeprefix(head))):
            return port, annotation
    return "", None


def _unknown(key: str, name: str, workload: Workload, place: Place) -> Problem:
    """Return the problem of an annotation that does not exist, or whose port does not."""
    for what in OF_A_PORT:
        port = name.removeprefix("service-").removesuffix(f"-{what}")
        if name == f"service-{port}-{what}" and port not in workload.ports:
            message = f"{key}: no service port is called {port!r}"
            hint = _hint(name, workload)
            ports = f"ports: {', '.join(workload.ports) or 'none'}"
            hint = f"{ports}; {hint}" if hint.startswith("did you mean") else ports
            return Problem(message, hint, place)
    return Problem(f"there is no annotation {key!r}", _hint(name, workload), place)


def _hint(name: str, workload: Workload) -> str:
    names = [each for each in BY_NAME if "<port>" not in each]
    names += [f"service-{port}-{what}" for port in workload.ports for what in OF_A_PORT]
    hint = nearest(f"{PREFIX}{name}", [f"{PREFIX}{each}" for each in names], "")
    return hint if hint.startswith("did you mean") else "docs/annotations.md lists them"
