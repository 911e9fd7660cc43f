"""Rules about several values of fly.toml at once. Each reads the whole document and yields what is wrong.

Where flyctl has the rule, it is in `internal/appconfig/validation.go` or shows in `machines.go` when a Machine
is made of the document; the others are Fly's own, of which flyctl knows nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from scorefly.fly.check.finding import Finding, Path, dotted
from scorefly.fly.check.services import SERVICE_RULES, all_services, groups_of
from scorefly.fly.check.shape import Section
from scorefly.fly.sizes import GPUS, NO_GPUS, guest_problem, preset_names, presets
from scorefly.problems import nearest

MAX_STATICS = 10


def mounts(config: Section) -> Iterator[Finding]:
    """One volume for each Machine, and a plan for its growth that is whole."""
    groups = groups_of(config)
    taken: dict[str, str] = {}
    for mount in config.sections("mounts"):
        for name in sorted(groups.of(mount)):
            first = taken.setdefault(name, dotted(mount.path))
            if first != dotted(mount.path):
                message = f"is one too many: a Machine has one volume, and {first} is it"
                yield Finding(mount.path, message, "keep one, or give each process group its own")
                break
        yield from _growth(mount)


def _growth(mount: Section) -> Iterator[Finding]:
    threshold = mount.get("auto_extend_size_threshold", 0)
    increment, limit = mount.get("auto_extend_size_increment"), mount.get("auto_extend_size_limit")
    if not threshold and increment is None and limit is None:
        return
    if not 50 <= threshold <= 99:
        yield Finding(mount.at("auto_extend_size_threshold"), f"is {threshold} percent", "give 50 to 99")
    for key in ("auto_extend_size_increment", "auto_extend_size_limit"):
        if not mount.has(key):
            yield Finding(mount.at(key), "is missing, and without it a volume does not grow", 'give it like "5GB"')
    size = mount.get("initial_size", 1)
    if limit is not None and limit < size:
        yield Finding(
            mount.at("auto_extend_size_limit"), f"is {limit} GB, below the {size} GB to begin with", "raise it"
        )


def files(config: Section) -> Iterator[Finding]:
    """Every file has one source and a path of its own."""
    volumes = {os.path.normpath(each.get("destination", "")) for each in config.sections("mounts")} - {"."}
    yield from file_list(config.sections("files"), ("local_path", "secret_name", "raw_value"), volumes)


def file_list(entries: list[Section], sources: tuple[str, ...], volumes: set[str]) -> Iterator[Finding]:
    """Yield what is wrong with files of one file system, in which volumes are mounted."""
    seen: set[str] = set()
    for file in entries:
        given = [key for key in sources if file.has(key)]
        if len(given) != 1:
            message = f"has {' and '.join(given)}: one is used" if given else "has no content"
            yield Finding(file.path, message, f"give {' or '.join(sources)}")
        target = os.path.normpath(file.get("guest_path", ""))
        if target == ".":
            continue
        if target in seen or target in volumes:
            other = "another file is" if target in seen else "a volume is mounted"
            yield Finding(file.at("guest_path"), f"{other} at {target}", "move one of them")
        elif any(each.startswith(f"{target}/") or target.startswith(f"{each}/") for each in seen):
            yield Finding(
                file.at("guest_path"), f"{target} and another file lie one below the other", "move one of them"
            )
        seen.add(target)


def sizes(config: Section) -> Iterator[Finding]:
    """Every size is one Fly has, and no process group has two."""
    named: dict[str, str] = {}
    for vm in config.sections("vm"):
        yield from guest(vm)
        where = dotted(vm.path)
        for name in vm.get("processes") or [""]:
            first = named.setdefault(name, where)
            if first != where:
                group = f"process group {name!r}" if name else "all process groups"
                yield Finding(
                    vm.path, f"is for {group}, and so is {first}", "keep one, or tell them apart by processes"
                )
                break
    yield from guest(config.section("deploy").section("release_command_vm"))


def guest(vm: Section) -> Iterator[Finding]:
    """Yield what is wrong with one Machine's CPUs and memory, however they are given."""
    if any(vm.has(key) and vm.values.get(key) is None for key in ("size", "memory", "cpu_kind", "cpus", "memory_mb")):
        return
    name = vm.get("size") or "shared-cpu-1x"
    if key := next((key for key in ("gpu_kind", "gpus") if vm.get(key)), "size" if name in GPUS else ""):
        yield Finding(vm.at(key), f"asks for a GPU, and {NO_GPUS}", f"use one of {', '.join(preset_names())}")
        return
    preset = presets().get(name)
    if preset is None:
        yield Finding(vm.at("size"), f"there is no size {name!r}", nearest(name, preset_names()))
        return
    memory = vm.get("memory_mb") or vm.get("memory") or preset.memory_mb
    problem = guest_problem(vm.get("cpu_kind", preset.cpu_kind), vm.get("cpus") or preset.cpus, memory)
    if problem:
        key = next((key for key in ("memory_mb", "memory", "cpus", "cpu_kind") if vm.get(key)), "size")
        yield Finding(vm.at(key), problem, "change the memory, or the CPUs")


def one_for_each_group(config: Section) -> Iterator[Finding]:
    """A process group has one [[restart]] and one [[metrics]]: of several, one is used."""
    groups = groups_of(config)
    for key in ("restart", "metrics"):
        taken: dict[str, Path] = {}
        for section in config.sections(key):
            twice = sorted(name for name in groups.of(section) if taken.setdefault(name, section.path) != section.path)
            if twice:
                first = dotted(taken[twice[0]])
                yield Finding(
                    section.path, f"process group {twice[0]!r} has {first} already", "keep one for each group"
                )


def statics(config: Section) -> Iterator[Finding]:
    """Ten at most, each with a prefix of its own."""
    seen: set[str] = set()
    for number, static in enumerate(config.sections("statics")):
        prefix = static.get("url_prefix", "").rstrip("/")
        if static.has("url_prefix") and prefix in seen:
            yield Finding(static.at("url_prefix"), f"{prefix or '/'} is served by another one", "keep one")
        seen.add(prefix)
        if number >= MAX_STATICS:
            yield Finding(static.path, f"is one too many: Fly takes {MAX_STATICS}", "serve a folder above them")
        if static.has("index_document") and not static.get("tigris_bucket"):
            yield Finding(static.at("index_document"), "is for a tigris_bucket only", "take it out", "warning")


def strategy(config: Section) -> Iterator[Finding]:
    """A strategy that fits the app."""
    deploy = config.section("deploy")
    chosen = deploy.get("strategy")
    if chosen in ("canary", "bluegreen") and config.sections("mounts"):
        message = f"is {chosen!r}, which makes Machines beside the others, and each volume has one Machine"
        yield Finding(deploy.at("strategy"), message, 'use "rolling" or "immediate"')
    checked = config.get("checks") or any(
        service.get(key) for service in all_services(config) for key in ("checks", "http_checks", "tcp_checks")
    )
    if chosen == "bluegreen" and not checked:
        yield Finding(deploy.at("strategy"), "is 'bluegreen', which needs a health check", "add one to a service")


def build(config: Section) -> Iterator[Finding]:
    """One way to come by the image, one way to come by containers."""
    section = config.section("build")
    ways = {
        "an image": ("image",),
        "buildpacks": ("builder", "buildpacks"),
        "a Dockerfile": ("dockerfile", "build-target"),
        "a builtin": ("builtin",),
    }
    given = [way for way, keys in ways.items() if any(section.get(key) for key in keys)]
    if len(given) > 1:
        yield Finding(section.path, f"says {' and '.join(given)}: flyctl takes one", "keep one", "warning")
    machine = [path for path in (config, config.section("experimental")) if path.get("machine_config")]
    if section.has("compose") and machine:
        path = machine[0].at("machine_config")
        yield Finding(path, "is not read: build.compose comes first", "keep one of the two")
    elif len(machine) > 1:
        yield Finding(
            config.at("machine_config"), "is not read: experimental.machine_config comes first", "keep this one"
        )


def environment(config: Section) -> Iterator[Finding]:
    """Variables that Fly sets itself."""
    for name, value in config.get("env", {}).items():
        path = config.at("env", name)
        if name == "PRIMARY_REGION":
            if config.get("primary_region", value) != value:
                yield Finding(path, "is overwritten with primary_region", "take it out", "warning")
        elif name.startswith("FLY_"):
            yield Finding(path, "begins with FLY_, and Fly keeps such names for itself", "rename it", "warning")


RULES = (
    *SERVICE_RULES,
    mounts,
    files,
    sizes,
    one_for_each_group,
    statics,
    strategy,
    build,
    environment,
)
