"""Several containers in one Machine, or one that needs what only containers have: `machine.json`.

fly.toml has one image and one environment. What Fly calls containers is part of a Machine's configuration, which
flyctl reads from the file that `machine_config` names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from scorefly.convert.files import DEFAULT_MODE
from scorefly.convert.target import Conversion
from scorefly.fly.names import secret_name_problem
from scorefly.score.workload import Container, Workload
from scorefly.values import Secret

CONDITIONS = {"started": "started", "healthy": "healthy", "complete": "exited_successfully"}


def needs_containers(workload: Workload) -> bool:
    """Decide whether plain fly.toml is not enough: several containers, an exec probe, or a file mode of its own."""
    containers = workload.containers.values()
    return len(containers) > 1 or any(_asks_by_command(each) or _has_a_mode(each) for each in containers)


def _asks_by_command(container: Container) -> bool:
    return any(probe and not probe.http_get for probe in (container.readiness_probe, container.liveness_probe))


def _has_a_mode(container: Container) -> bool:
    return any(file.mode and int(file.mode, 8) != DEFAULT_MODE for file in container.files)


def check_order(conversion: Conversion) -> None:
    """`before` names other containers, and no circle."""
    containers = conversion.workload.containers
    graph: dict[str, list[str]] = {name: [] for name in containers}
    for name, container in containers.items():
        for other in container.before:
            place = conversion.workload.place("containers", name, "before", other)
            if other == name:
                conversion.wrong(f"container {name!r} would start before itself", "take it out", place)
            elif other not in containers:
                hint = (
                    f"there are: {', '.join(containers)}" if len(containers) > 1 else "there is no other: take it out"
                )
                conversion.wrong(f"before names container {other!r}, which there is not", hint, place)
            else:
                graph[other].append(name)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = error.args[1]
        place = conversion.workload.place("containers", circle[0], "before")
        conversion.wrong(f"containers wait for each other: {' before '.join(circle)}", "take one of these out", place)


def behind_the_service(conversion: Conversion) -> Container:
    """The container that serves the ports: fly.toml's image and checks are its own.

    An annotation says so; else the probe that asks a service port; else the only one that keeps running.
    """
    workload = conversion.workload
    containers = workload.containers
    if named := conversion.annotations.get("service-container"):
        if named in containers:
            return containers[named]
        place = workload.place("metadata", "annotations", "scorefly/service-container")
        conversion.wrong(f"there is no container {named!r}", f"there are: {', '.join(containers)}", place)
    lasting = [each for each in containers.values() if "complete" not in each.before.values()]
    lasting = lasting or list(containers.values())
    targets = {port.target_port for port in workload.ports.values()}
    probing = [each for each in lasting if _probed_ports(each) & targets]
    candidates = probing or lasting
    if len(candidates) > 1 and workload.ports:
        conversion.warn(
            f"which container is behind the service? {candidates[0].name!r} is taken, for it stands first",
            f"say it with the annotation scorefly/service-container: {candidates[0].name}",
            workload.place("service"),
        )
    return candidates[0]


def _probed_ports(container: Container) -> set[int]:
    probes = (container.readiness_probe, container.liveness_probe)
    return {probe.http_get.port for probe in probes if probe and probe.http_get}


def container_environment(conversion: Conversion) -> tuple[dict[str, str], list[dict[str, str]], dict[str, Secret]]:
    """A container's plain variables, its secret ones by their Fly secret, and those Fly secrets.

    Fly secrets belong to the app: where several containers have a variable of one name, its secret is named after
    the container too, so that each gets its own value.
    """
    container = conversion.container
    env: dict[str, str] = {}
    references: list[dict[str, str]] = []
    secrets: dict[str, Secret] = {}
    for name, value in conversion.values_of(container.variables).items():
        if isinstance(value, str):
            env[name] = value
            continue
        others = [each for each in conversion.workload.containers.values() if each is not container]
        shared = any(name in other.variables for other in others)
        secret = f"{re.sub(r'[^A-Z0-9]+', '_', container.name.upper())}_{name}" if shared else name
        if problem := secret_name_problem(secret):
            conversion.wrong(
                f"variable {name!r} is secret, and its name cannot be: {problem}",
                "rename it",
                conversion.place("variables", name),
            )
            continue
        references.append({"env_var": name, "name": secret})
        secrets[secret] = value
    return env, references, secrets


def container_config(
    conversion: Conversion,
    image: str,
    env: Mapping[str, str],
    secrets: list[dict[str, str]],
    files: list[dict[str, Any]],
    checks: list[dict[str, Any]],
) -> dict[str, Any]:
    """One entry of `containers`. What ends on purpose is started again only when it failed."""
    container = conversion.container
    waits_for = [
        {"name": other.name, "condition": CONDITIONS[other.before[container.name]]}
        for other in conversion.workload.containers.values()
        if container.name in other.before
    ]
    restart = None
    if "complete" in container.before.values():
        restart = {"policy": "on-failure"}
    elif any(check.get("unhealthy") for check in checks):
        restart = {"policy": "always"}
    config = {
        "name": container.name,
        "image": image,
        "entrypoint": list(container.command or ()),
        "cmd": list(container.args or ()),
        "env": dict(sorted(env.items())),
        "secrets": secrets,
        "files": files,
        "depends_on": waits_for,
        "healthchecks": checks,
        "restart": restart,
    }
    return {key: value for key, value in config.items() if value}
