"""A Workload made into an App, element by element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.convert.command import check_words, convert_command
from scorefly.convert.compute import convert_compute
from scorefly.convert.containers import (
    behind_the_service,
    check_order,
    container_config,
    container_environment,
    needs_containers,
)
from scorefly.convert.files import convert_files, local_path
from scorefly.convert.image import convert_image
from scorefly.convert.probes import add_probes, container_checks, http_probe
from scorefly.convert.read_annotations import apply, read_annotations
from scorefly.convert.routes import Route
from scorefly.convert.service import convert_service
from scorefly.convert.target import Conversion, Target
from scorefly.convert.unused_annotations import warn_of_unused_annotations
from scorefly.convert.variables import convert_variables
from scorefly.convert.volumes import convert_volumes
from scorefly.fly.app import App, Build, volume_claims
from scorefly.fly.names import app_name_problem
from scorefly.problems import Problem
from scorefly.score.placeholders import Lookup
from scorefly.score.workload import Workload
from scorefly.values import Secret


class Converted(Struct, frozen=True):
    """The app, or None where problems hold an error."""

    app: App | None
    problems: tuple[Problem, ...]


class _Inside(Struct):
    """The content of a Machine: parts of fly.toml, of the Machine's configuration, and what Fly must hold for it."""

    config: dict[str, Any]
    machine: dict[str, Any]
    files: dict[str, bytes]
    secrets: dict[str, Secret]
    builds: dict[str, Build] = field(default_factory=dict)


def convert(workload: Workload, lookup: Lookup, routes: Sequence[Route], target: Target) -> Converted:
    """The Fly app a workload becomes. Pure, but for reading the files the Score file names."""
    problems: list[Problem] = []
    annotations = read_annotations(workload, problems)
    conversions = {
        name: Conversion(workload, container, annotations, lookup, target, problems)
        for name, container in workload.containers.items()
    }
    first = next(iter(conversions.values()))
    if problem := app_name_problem(target.app_name):
        hint = "rename the workload, or change app-prefix or app-suffix"
        first.wrong(problem, hint, workload.place("metadata", "name"))
    check_order(first)
    app = _convert(conversions, behind_the_service(first).name, routes)
    failed = any(problem.severity == "error" for problem in problems)
    return Converted(None if failed else app, tuple(dict.fromkeys(problems)))


def _convert(conversions: Mapping[str, Conversion], name: str, routes: Sequence[Route]) -> App:
    front = conversions[name]
    target = replace(front.target, region=front.annotations.get("region", front.target.region))
    image = convert_image(front)
    volumes = convert_volumes(list(conversions.values()))
    service = convert_service(front, routes)
    size, vm = convert_compute(list(conversions.values()))
    contained = needs_containers(front.workload)
    inside = _several(conversions, front, image) if contained else _one(front, image)
    machine = {**inside.machine, **_schedule(front)}
    config: dict[str, Any] = {
        "app": target.app_name,
        "primary_region": target.region,
        "machine_config": local_path(front, image, "machine.json") if machine else "",
        "build": {"image": image} if isinstance(image, str) else {},
        **inside.config,
        "mounts": volumes,
        **add_probes(front, service.config, contained=contained),
        "vm": vm,
        "statics": _statics(front),
    }
    config = {key: value for key, value in config.items() if value not in ("", {}, [])}
    apply(front.annotations, config)
    warn_of_unused_annotations(conversions, front, config)
    return App(
        name=target.app_name,
        owner=front.workload.name,
        workload=front.workload.name,
        config=config,
        machine=machine,
        image=image,
        size=size,
        files=inside.files,
        secrets=inside.secrets,
        ports=service.ports,
        volumes=volume_claims(config.get("mounts")),
        addresses=service.addresses,
        url=service.url,
        region=target.region,
        other_builds=inside.builds,
    )


def _one(conversion: Conversion, image: str | Build) -> _Inside:
    env, secrets = convert_variables(conversion)
    files = convert_files(conversion, image)
    config = {"experimental": convert_command(conversion), "env": env, "files": files.entries}
    return _Inside(config, {}, files.contents, {**secrets, **files.secrets})


def _several(conversions: Mapping[str, Conversion], front: Conversion, image: str | Build) -> _Inside:
    """Containers in the order of the file, each with everything it has."""
    inside = _Inside({"container": front.container.name}, {"containers": []}, {}, {})
    for name, conversion in conversions.items():
        own = image if conversion is front else convert_image(conversion)
        if isinstance(own, Build) and conversion is not front:
            inside.builds[name] = replace(own, container=name)
        if conversion is not front:
            for kind in ("readiness", "liveness"):
                http_probe(conversion, kind)
        check_words(conversion)
        env, references, secrets = container_environment(conversion)
        files = convert_files(conversion, image, name)
        inside.machine["containers"].append(
            container_config(
                conversion,
                own if isinstance(own, str) else ".",
                env,
                references,
                files.entries,
                container_checks(conversion),
            )
        )
        inside.files |= files.contents
        inside.secrets |= {**secrets, **files.secrets}
    return inside


def _schedule(conversion: Conversion) -> dict[str, Any]:
    """Return when the Machine is started, which fly.toml has no word for."""
    schedule = conversion.annotations.get("schedule")
    return {"schedule": schedule} if schedule else {}


def _statics(conversion: Conversion) -> list[dict[str, str]]:
    found = []
    for word in conversion.annotations.get("statics", ()):
        path, _, url = word.partition("=")
        if not path.startswith("/") or not url.startswith("/"):
            place = conversion.workload.place("metadata", "annotations", "scorefly/statics")
            conversion.wrong(f"{word!r} is not PATH=URL", "for example /app/public=/public", place)
        found.append({"guest_path": path, "url_prefix": url})
    return found
