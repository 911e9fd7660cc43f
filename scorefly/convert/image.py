"""`containers.*.image`: a reference to run, or `.` for an image that is given or built."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scorefly.confined import exists, is_folder, open_file, resolve, root_of, shown
from scorefly.convert.build_spec import BuildSpec
from scorefly.convert.target import Conversion
from scorefly.fly.app import Build
from scorefly.problems import InputError

# The grammar of image references as registries take it: [host[:port]/]path[:tag][@digest].
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REFERENCE = re.compile(
    r"(?:(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]+)?)/)?"
    rf"{_COMPONENT}(?:/{_COMPONENT})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@[a-z0-9]+:[a-f0-9]{{32,}})?",
    re.ASCII,
)


def convert_image(conversion: Conversion) -> str | Build:
    """The reference, or what to build where the image is `.` and none is given."""
    container, workload, target = conversion.container, conversion.workload, conversion.target
    place = conversion.place("image")
    image = container.image
    spec = target.builds.get(container.name)
    if image == ".":
        names = (f"{workload.name}.{container.name}", workload.name)
        image = next((target.images[name] for name in names if name in target.images), target.default_image)
        if not image:
            return _stated_build(conversion, spec) if spec else _build(conversion)
    elif spec:
        conversion.wrong(
            f"container {container.name!r} of {workload.name} has an image: {shown(image)}",
            "write `image: .` in the Score file to build it, or remove the build",
            spec.place,
        )
    if "${" in image:
        hint = "write '.' and pass images, or override it with override-property"
        conversion.wrong(f"Score has no placeholders in image: {image!r}", hint, place)
    elif not REFERENCE.fullmatch(image):
        conversion.wrong(f"{image!r} is no image reference", "write it as host/name:tag, in lower case", place)
    return image


def build_table(build: Build, overlay: Mapping[str, Any], artefact: str) -> dict[str, Any]:
    """Return `[build]` of fly.toml. flyctl reads its paths relative to fly.toml, which is in folder `artefact`."""
    table = {**overlay}
    for key, path in (
        ("dockerfile", "" if build.builder or overlay.get("builtin") else build.dockerfile),
        ("ignorefile", build.ignorefile),
    ):
        written = overlay.get(key, "")
        if path and isinstance(written, str) and not Path(written).is_absolute():
            table[key] = posixpath.relpath(path, artefact)
    table |= {"build-target": build.target} if build.target and "build_target" not in overlay else {}
    table |= {"args": dict(build.args)} if build.args else {}
    table |= {"builder": build.builder} if build.builder else {}
    table |= {"buildpacks": list(build.buildpacks)} if build.buildpacks else {}
    return table


def _build(conversion: Conversion) -> Build:
    folder = conversion.workload.file.parent
    dockerfile = folder / "Dockerfile"
    workspace = conversion.target.workspace
    if exists(workspace, dockerfile):
        try:
            open_file(root_of(workspace, folder), workspace / dockerfile, conversion.place("image")).close()
        except InputError as error:
            conversion.problems.extend(error.problems)
    elif not conversion.target.builtin:
        tell = conversion.warn if conversion.target.trial else conversion.wrong
        tell(
            f"the image is `.`, and there is no {dockerfile} to build",
            f"add it, say where it is with builds in scorefly.yaml, or which image with images: "
            f"{conversion.workload.name}=REFERENCE",
            conversion.place("image"),
        )
    return Build(context=folder.as_posix(), dockerfile=dockerfile.as_posix())


def _stated_build(conversion: Conversion, spec: BuildSpec) -> Build:
    """Check that the context and the Dockerfile are in the repository, and return the build."""
    workspace, root = conversion.target.workspace, conversion.target.repository
    context = Path(os.path.normpath(workspace / spec.context))
    dockerfile = Path(os.path.normpath(context / (spec.dockerfile or "Dockerfile")))
    build = Build(
        context=_relative(context, workspace),
        dockerfile=_relative(dockerfile, workspace),
        target=spec.target,
        args=spec.args,
        builder=spec.builder,
        buildpacks=spec.buildpacks,
        stated=True,
    )
    named = [("context", context)] if spec.builder else [("context", context), ("Dockerfile", dockerfile)]
    for what, path in named:
        given = shown(spec.context if what == "context" else spec.dockerfile or "Dockerfile")
        try:
            resolve(root, path, spec.place)
        except InputError as error:
            message = error.problems[0].message.replace(shown(path), f"the {what} {given}", 1)
            message = message.replace("outside the workspace", "outside the repository")
            conversion.wrong(message, f"give a {what} inside {_described(root, workspace)}", spec.place)
            return build
        if what == "context" and not is_folder(root, path):
            hint = "give a folder, relative to the workspace"
            conversion.wrong(f"there is no folder {given} to build from", hint, spec.place)
            return build
        if what == "Dockerfile":
            _check_dockerfile(conversion, spec, root, path)
    return build


def _check_dockerfile(conversion: Conversion, spec: BuildSpec, root: Path, path: Path) -> None:
    shown_path = shown(_relative(path, conversion.target.workspace))
    if not exists(root, path):
        tell = conversion.warn if conversion.target.trial else conversion.wrong
        tell(f"there is no Dockerfile {shown_path}", "its path is relative to the context", spec.place)
        return
    try:
        open_file(root, path, spec.place).close()
    except InputError as error:
        conversion.problems.extend(error.problems)


def _relative(path: Path, workspace: Path) -> str:
    return Path(os.path.relpath(path, workspace)).as_posix()


def _described(root: Path, workspace: Path) -> str:
    return "the workspace" if root == workspace else f"the repository at {root}"
