"""A Workload made into an App, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scorefly.convert.command import convert_command
from scorefly.convert.compute import convert_compute
from scorefly.convert.files import convert_files
from scorefly.convert.image import convert_image
from scorefly.convert.probes import add_probes
from scorefly.convert.service import Route, convert_service
from scorefly.convert.target import Conversion, Target
from scorefly.convert.variables import convert_variables
from scorefly.convert.volumes import convert_volumes
from scorefly.fly.app import App, Build
from scorefly.fly.names import app_name_problem
from scorefly.problems import Problem
from scorefly.score.placeholders import Lookup
from scorefly.score.workload import Workload


@dataclass(frozen=True, slots=True)
class Converted:
    """The app, or None where problems hold an error."""

    app: App | None
    problems: tuple[Problem, ...]


def convert(workload: Workload, lookup: Lookup, routes: Sequence[Route], target: Target) -> Converted:
    """The Fly app a workload becomes. Pure, but for reading the files the Score file names."""
    conversion = Conversion(workload, next(iter(workload.containers.values())), lookup, target)
    if problem := app_name_problem(target.app_name):
        hint = "rename the workload, or change app-prefix or app-suffix"
        conversion.wrong(problem, hint, workload.place("metadata", "name"))
    if not _one_container(conversion):
        return Converted(None, tuple(conversion.problems))
    app = _convert(conversion, routes)
    if any(problem.severity == "error" for problem in conversion.problems):
        return Converted(None, tuple(conversion.problems))
    return Converted(app, tuple(conversion.problems))


def _one_container(conversion: Conversion) -> bool:
    workload, container = conversion.workload, conversion.container
    if len(workload.containers) > 1:
        conversion.wrong(
            f"several containers ({', '.join(workload.containers)}) are not in this version",
            "make each a workload of its own",
            workload.place("containers"),
        )
        return False
    for other in container.before:
        conversion.wrong(
            f"before names {other!r}, and there is no other container",
            "take it out",
            conversion.place("before", other),
        )
    return True


def _convert(conversion: Conversion, routes: Sequence[Route]) -> App:
    target = conversion.target
    image = convert_image(conversion)
    env, secrets = convert_variables(conversion)
    volumes = convert_volumes(conversion)
    service = convert_service(conversion, routes)
    files = convert_files(conversion, image)
    size, vm = convert_compute(conversion)
    config: dict[str, Any] = {
        "app": target.app_name,
        "primary_region": target.region,
        "build": {"image": image} if isinstance(image, str) else {"dockerfile": _dockerfile(image)},
        "experimental": convert_command(conversion),
        "env": env,
        "mounts": volumes.mounts,
        "files": files.entries,
        **add_probes(conversion, service.config),
        "vm": vm,
    }
    return App(
        name=target.app_name,
        owner=conversion.workload.name,
        workload=conversion.workload.name,
        config={key: value for key, value in config.items() if value not in ("", {}, [])},
        image=image,
        size=size,
        files=files.contents,
        secrets={**secrets, **files.secrets},
        ports=service.ports,
        volumes=volumes.claims,
        addresses=service.addresses,
        url=service.url,
        region=target.region,
    )


def _dockerfile(build: Build) -> str:
    """Relative to the build context, which is flyctl's working folder then."""
    return build.dockerfile.removeprefix(f"{build.context}/") if build.context != "." else build.dockerfile
