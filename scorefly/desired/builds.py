"""Finds the builds of containers: `builds` in scorefly.yaml, the option `build`, and `[build]` of overlays."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.confined import exists, open_file, root_of, scope_of
from scorefly.convert.build_spec import BuildSpec, merged_args
from scorefly.convert.image import build_table
from scorefly.desired.artefacts import artefact_folder
from scorefly.fly.app import App, Build
from scorefly.problems import InputError, Problem, nearest, option_place
from scorefly.score.workload import Workload


def stated_builds(settings: Settings, workload: Workload) -> dict[str, BuildSpec]:
    """Return the builds of a workload's containers. The option says more than scorefly.yaml."""
    config = settings.workloads.get(workload.name)
    builds = dict(config.builds) if config else {}
    for name in workload.containers:
        for key in (f"{workload.name}.{name}", name):
            if key in settings.build and (key != name or workload.containers[name].image == "."):
                builds[name] = settings.build[key]
                break
    base = _base(settings, workload)
    if base != ".":
        builds = {
            name: replace(spec, context=posixpath.normpath(posixpath.join(base, spec.context)))
            for name, spec in builds.items()
        }
    return {name: merged_args(spec, settings.build_args) for name, spec in builds.items()}


def _base(settings: Settings, workload: Workload) -> str:
    """Return the folder that contexts are relative to: that of the workload's source, or of its project."""
    root = root_of(settings.workspace, workload.file.parent)
    is_source = str(workload.file) in settings.checkouts
    return root.relative_to(settings.workspace).as_posix() if is_source else settings.folder


def build_problems(settings: Settings, workloads: Sequence[Workload]) -> Iterator[Problem]:
    """Yield builds of containers that no Score file has, or that have an image."""
    for workload in workloads:
        config = settings.workloads.get(workload.name)
        for name in config.builds if config else ():
            if config and name not in workload.containers:
                hint = nearest(name, workload.containers)
                place = config.place("builds", name)
                yield Problem(f"workload {workload.name!r} has no container {name!r} to build", hint, place)
        for spec in stated_builds(settings, workload).values():
            if spec.builder and settings.builder == "docker":
                hint = "set builder: depot, or name a Dockerfile in the build"
                yield Problem("docker builds from Dockerfiles, not with buildpacks", hint, spec.place)
    for key in settings.build:
        yield from _option_problems(key, workloads)
    place = option_place("build-secret-files")
    for name in settings.build_secret_files.keys() & settings.build_secrets.keys():
        yield Problem(f"{name} is in build-secrets too", "remove one of them", place)
    for name in settings.build_secret_files:
        try:
            open_file(*build_secret_file(settings, name), place).close()
        except InputError as error:
            yield from error.problems


def build_secret_file(settings: Settings, name: str) -> tuple[Path, Path]:
    """Return the file of a build secret: the root that it is read below, and its path."""
    return scope_of(settings.workspace, settings.build_secret_files[name], outside=not settings.in_action)


def repository_root(settings: Settings, folder: str | PurePath = ".") -> Path:
    """Return the folder that build contexts have to be in: the checkout around the workspace, or the workspace.

    For a `folder` in the files of a source, it is the source.
    """
    if (root := root_of(settings.workspace, folder)) != settings.workspace and settings.declared is not None:
        return root
    if settings.in_action or settings.untrusted:
        return settings.workspace
    parents = (settings.workspace, *settings.workspace.parents)
    return next((each for each in parents if exists(each, ".git")), settings.workspace)


def settle_build(settings: Settings, app: App) -> App:
    """Fold `[build]` of overlays into the app's build, and write `[build]` as flyctl reads it.

    In an overlay a Dockerfile is relative to the context; flyctl reads it relative to fly.toml.
    """
    overlay = app.config.get("build")
    overlay = overlay if isinstance(overlay, Mapping) else {}
    build = app.image
    if not isinstance(build, Build) or not (overlay or build.stated):
        return app
    build = _overlaid(build, overlay)
    folder = artefact_folder(settings, app.name)
    artefact = os.path.relpath(folder, settings.workspace) if folder.is_absolute() else folder.as_posix()
    return replace(app, image=build, config={**app.config, "build": build_table(build, overlay, artefact)})


def _overlaid(build: Build, overlay: Mapping[str, Any]) -> Build:
    """Return the build with what an overlay says. Values of another type are left to the checker of fly.toml."""

    def text(*keys: str) -> str:
        return next((value for key in keys if isinstance(value := overlay.get(key), str) and value), "")

    dockerfile, ignorefile = text("dockerfile"), text("ignorefile")
    args = overlay.get("args")
    packs = overlay.get("buildpacks")
    return replace(
        build,
        dockerfile=posixpath.normpath(posixpath.join(build.context, dockerfile)) if dockerfile else build.dockerfile,
        ignorefile=posixpath.normpath(posixpath.join(build.context, ignorefile)) if ignorefile else "",
        target=text("build-target", "build_target") or build.target,
        args=tuple(sorted({**dict(build.args), **_texts(args)}.items())),
        builder=text("builder") or build.builder,
        buildpacks=tuple(map(str, packs)) if isinstance(packs, list) else build.buildpacks,
        stated=True,
    )


def _texts(args: Any) -> dict[str, str]:
    return {name: value for name, value in args.items() if isinstance(value, str)} if isinstance(args, Mapping) else {}


def _option_problems(key: str, workloads: Sequence[Workload]) -> Iterator[Problem]:
    containers = {
        name: (workload, container)
        for workload in workloads
        for container in workload.containers.values()
        for name in (container.name, f"{workload.name}.{container.name}")
    }
    place = option_place("build")
    if key not in containers:
        yield Problem(f"no container is called {key!r}", nearest(key, containers), place)
    elif "." not in key and not any(
        each.image == "." for workload in workloads for each in workload.containers.values() if each.name == key
    ):
        image = containers[key][1].image
        hint = "write `image: .` in the Score file to build it, or remove the build"
        yield Problem(f"container {key!r} has an image: {image}", hint, place)
