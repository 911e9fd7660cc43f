"""Rules about the containers of a Machine's configuration, as flyctl and the Machine's init take them."""

from __future__ import annotations

from collections.abc import Iterator

from scorefly.fly.check.finding import Finding
from scorefly.fly.check.rules import file_list, guest
from scorefly.fly.check.shape import Section
from scorefly.problems import nearest


def container_findings(machine: Section, chosen: str) -> Iterator[Finding]:
    """Yield what is wrong with a Machine's containers; `chosen` is fly.toml's `container`, the one the image is for."""
    containers = machine.sections("containers")
    by_name = {each.get("name", ""): each for each in containers}
    yield from unique(containers, "container")
    yield from _images(containers, chosen)
    for container in containers:
        yield from _dependencies(container, by_name)
        yield from _health_checks(container)
        yield from _variables(container)
        yield from file_list(
            container.sections("files"), ("raw_value", "secret_name", "image_config", "local_path"), _mounted(container)
        )
    yield from _circles(containers)
    yield from _volumes(machine)
    yield from guest(machine.section("guest"))


def unique(sections: list[Section], what: str, key: str = "name") -> Iterator[Finding]:
    """Nothing is there twice."""
    seen: set[str] = set()
    for section in sections:
        name = section.get(key, "")
        if name and name in seen:
            yield Finding(section.at(key), f"there is another {what} {name!r}", "rename one")
        seen.add(name)


def _images(containers: list[Section], chosen: str) -> Iterator[Finding]:
    """The deployed image goes to one container, and every other one needs its own."""
    named = [each for each in containers if each.get("name") == (chosen or "app")]
    takes_image = (named or containers)[:1]
    for container in containers:
        if container not in takes_image and not container.get("image"):
            yield Finding(container.at("image"), "is missing", "name the image it runs")


def _dependencies(container: Section, by_name: dict[str, Section]) -> Iterator[Finding]:
    own = container.get("name")
    for dependency in container.sections("depends_on"):
        name, path = dependency.get("name", ""), dependency.at("name")
        other = by_name.get(name)
        if name and name == own:
            yield Finding(path, "is the container itself", "take it out")
        elif name and other is None:
            others = [each for each in by_name if each and each != own]
            yield Finding(path, f"there is no container {name!r}", nearest(name, others))
        elif other and dependency.get("condition") == "healthy" and not other.get("healthchecks"):
            message = f"waits for {name!r} to be healthy, which has no healthchecks"
            hint = f"give {name!r} a check of its readiness, or wait for it to be started only"
            yield Finding(dependency.at("condition"), message, hint, "warning")
    yield from unique(container.sections("depends_on"), "dependency on")


def _circles(containers: list[Section]) -> Iterator[Finding]:
    """Containers that wait for each other never start: a circle is told once, at its first container."""
    waits = {
        container.get("name", ""): [each.get("name", "") for each in container.sections("depends_on")]
        for container in containers
    }
    reported: set[str] = set()
    for container in containers:
        name = container.get("name", "")
        circle = _way_back(name, waits)
        if len(circle) > 1 and not reported & set(circle):
            reported |= set(circle)
            way = " → ".join([*circle, name])
            yield Finding(container.at("depends_on"), f"waits in a circle: {way}", "take one of them out")


def _way_back(start: str, waits: dict[str, list[str]]) -> list[str]:
    """The shortest way from a container over those it waits for back to it, without the return; else empty."""
    ways = [[start]]
    seen = set()
    for way in ways:
        for following in waits.get(way[-1], []):
            if following == start:
                return way
            if following in waits and following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []


def _health_checks(container: Section) -> Iterator[Finding]:
    checks = container.sections("healthchecks")
    yield from unique(checks, "health check")
    for check in checks:
        kinds = [kind for kind in ("http", "tcp", "exec") if check.has(kind)]
        if len(kinds) != 1:
            message = f"is {' and '.join(kinds)} at once" if kinds else "says nothing of what to do"
            yield Finding(check.path, message, "give one of http, tcp and exec")


def _variables(container: Section) -> Iterator[Finding]:
    """A variable has one source."""
    seen = set(container.get("env", {}))
    for section in [*container.sections("secrets"), *container.sections("env_from")]:
        name = section.get("env_var", "")
        if name and name in seen:
            yield Finding(section.at("env_var"), f"{name} is set already", "keep one of them")
        seen.add(name)


def _mounted(container: Section) -> set[str]:
    return {each.get("path", "").rstrip("/") for each in container.sections("mounts")} - {""}


def _volumes(machine: Section) -> Iterator[Finding]:
    volumes = machine.sections("volumes")
    names = [each.get("name") for each in volumes if each.get("name")]
    yield from unique(volumes, "volume")
    for volume in volumes:
        if volume.has("temp_dir") == volume.has("image"):
            yield Finding(volume.path, "is either a temp_dir or an image", "give one of them")
    for container in machine.sections("containers"):
        for mount in container.sections("mounts"):
            name = mount.get("name", "")
            if name and name not in names:
                yield Finding(mount.at("name"), f"there is no volume {name!r}", nearest(name, names))
        yield from unique(container.sections("mounts"), "mount at", "path")
