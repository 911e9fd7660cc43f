"""Annotations whose value is one value of fly.toml, as the table in `convert/annotations.py` has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scorefly.convert.annotations import ANNOTATIONS, AUTO_STOP, Annotation
from scorefly.fly.check.leaf import Span
from scorefly.unconvert.meaning import group_names, guest

_PLAIN_PATH = re.compile(r"/[^\s,=]*")


def simple_annotations(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the annotations of a document that concern neither its services nor the size of its Machines."""
    found = {}
    for annotation in ANNOTATIONS:
        if not annotation.path or annotation.name == "memory" or "<port>" in annotation.name:
            continue
        text = _text(annotation, _value_at(document, annotation.path))
        if text is not None:
            found[annotation.name] = text
    # Without these, scorefly would warn that they have no effect: they stay a fragment.
    if "release-command" not in found:
        found.pop("release-command-timeout", None)
    if found.get("restart-policy") != "on-failure":
        found.pop("restart-retries", None)
    if statics := _statics(document.get("statics") or []):
        found["statics"] = statics
    return {**found, **size_annotations(document)}


def size_annotations(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the size as a preset with its memory, where Score's `resources` cannot express it."""
    vm = only_vm(document)
    if vm is None or score_resources(document) or not vm.get("size"):
        return {}
    memory = guest(vm)["memory_mb"]
    preset = guest({"size": vm["size"]}).get("memory_mb")
    return {"size": vm["size"], **({"memory": f"{memory}mb"} if memory != preset else {})}


def score_resources(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the `limits` of Score that give the same Machine; empty where none do."""
    from fractions import Fraction

    from scorefly.fly.sizes import NoSuchSize, smallest_size

    vm = only_vm(document)
    if vm is None:
        return {}
    made = guest(vm)
    if set(made) != {"cpu_kind", "cpus", "memory_mb"} or not all(
        isinstance(made[key], int) for key in ("cpus", "memory_mb")
    ):
        return {}
    try:
        size = smallest_size(Fraction(made["cpus"]), made["memory_mb"])
    except NoSuchSize:
        return {}
    if (size.cpu_kind, size.cpus, size.memory_mb) != (made["cpu_kind"], made["cpus"], made["memory_mb"]):
        return {}
    return {"cpu": str(made["cpus"]), "memory": f"{made['memory_mb']}Mi"}


def only_vm(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the one `[[vm]]` that is for all process groups, or None."""
    sizes = document.get("vm") or []
    groups = group_names(document)
    if len(sizes) != 1 or set(sizes[0].get("processes") or groups) != set(groups):
        return None
    vm = {key: value for key, value in sizes[0].items() if key != "processes" and value not in (0, "", [])}
    return vm if vm.keys() <= {"size", "memory", "memory_mb", "cpus", "cpu_kind"} else None


def seconds(value: Any) -> int | None:
    """Return a time in whole seconds, or None."""
    number = Span(0, None, "s").read(value, (), [])
    return int(number) if number is not None and float(number).is_integer() else None


def _value_at(document: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = document
    for key in path:
        if key == "0":
            # One table for every Machine; several are for process groups, and stay a fragment.
            if not isinstance(value, list) or len(value) != 1 or value[0].get("processes"):
                return None
            value = value[0]
        else:
            value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(annotation: Annotation, value: Any) -> str | None:
    match annotation.kind:
        case tuple() as choices:
            return value if value in choices else None
        case "text":
            return value if isinstance(value, str) and value and value == value.strip() else None
        case "whole":
            return str(value) if isinstance(value, int) and 0 <= value < 10**9 else None
        case "number":
            text = str(value)
            return text if isinstance(value, int | float) and re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text) else None
        case _:
            number = seconds(value) if value is not None else None
            return f"{number}s" if number is not None else None


def _statics(statics: list[Mapping[str, Any]]) -> str | None:
    words = []
    for each in statics:
        path, url = each.get("guest_path", ""), each.get("url_prefix", "")
        if each.keys() > {"guest_path", "url_prefix"} or not (
            _PLAIN_PATH.fullmatch(path) and _PLAIN_PATH.fullmatch(url)
        ):
            return None
        words.append(f"{path}={url}")
    return " ".join(words)


def running_annotations(service: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return when Machines behind a service start and stop, and what they take at a time."""
    import json

    found: dict[str, str] = {}
    if service.get("auto_stop_machines") in AUTO_STOP:
        found[f"{prefix}auto-stop"] = service["auto_stop_machines"]
    if isinstance(start := service.get("auto_start_machines"), bool):
        found[f"{prefix}auto-start"] = str(start).lower()
    if isinstance(least := service.get("min_machines_running"), int) and least >= 0:
        found[f"{prefix}min-running"] = str(least)
    if service.get("concurrency"):
        found[f"{prefix}concurrency"] = json.dumps(service["concurrency"])
    # These are what a Score workload has anyway.
    if found.get(f"{prefix}auto-stop") == "off":
        del found[f"{prefix}auto-stop"]
    if found.get(f"{prefix}auto-start") == "true":
        del found[f"{prefix}auto-start"]
    return found
