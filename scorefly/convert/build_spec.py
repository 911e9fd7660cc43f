"""The build of a container's image, as `builds` in scorefly.yaml or the option `build` states it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from scorefly.problems import InputError, Place, Problem, nearest
from scorefly.values import Plain

BUILD_TEXTS = ("context", "dockerfile", "target", "builder")
KEYS = ("context", "dockerfile", "target", "args", "builder", "buildpacks")
EXAMPLE = "{context: ., dockerfile: docker/web.Dockerfile, target: prod, args: {A: b}}"

PlaceOf = Callable[[str], Place]  # the place of a key


class BuildSpec(Struct, frozen=True):
    """A build as it is stated. `context` is relative to the workspace, `dockerfile` to the context.

    With `builder` or `buildpacks` the image is built by Cloud Native Buildpacks, without a Dockerfile. An empty value
    means not stated.
    """

    place: Place
    context: str = "."
    dockerfile: str = ""
    target: str = ""
    args: tuple[tuple[str, str], ...] = ()
    builder: str = ""
    buildpacks: tuple[str, ...] = ()


def parse_build(data: Plain, place: Place, place_of: PlaceOf) -> BuildSpec:
    """Parse a path, which is the context, or a mapping. Raises one InputError with all that is invalid."""
    if isinstance(data, str) and data.strip():
        return BuildSpec(place, data.strip())
    if not isinstance(data, dict):
        raise InputError(Problem("a build is the path of its context, or a mapping", f"write {EXAMPLE}", place))
    problems: list[Problem] = []
    texts: dict[str, str] = {}
    for key, value in data.items():
        at = place_of(key)
        if key not in KEYS:
            problems.append(Problem(f"unknown key {key!r} of a build", nearest(key, KEYS), at))
        elif key in BUILD_TEXTS and value is not None:
            if not isinstance(value, str) or not value.strip() or "\0" in value:
                problems.append(Problem(f"{key} of a build: expected a string", f"write {EXAMPLE}", at))
            else:
                texts[key] = value.strip()
    spec = BuildSpec(
        place,
        **texts,
        args=_parse_args(data.get("args"), place_of("args"), problems),
        buildpacks=_parse_words(data.get("buildpacks"), place_of("buildpacks"), problems),
    )
    if (spec.builder or spec.buildpacks) and (spec.dockerfile or spec.target):
        message = "buildpacks build without a Dockerfile"
        problems.append(Problem(message, "remove dockerfile and target, or builder and buildpacks", place))
    if spec.buildpacks and not spec.builder:
        problems.append(Problem("buildpacks need a builder", "add builder, such as heroku/builder:24", place))
    if problems:
        raise InputError(*problems)
    return spec


def merged_args(spec: BuildSpec, others: Mapping[str, str]) -> BuildSpec:
    """Return the build with arguments for all builds; its own replace those of the same name."""
    return replace(spec, args=tuple(sorted({**others, **dict(spec.args)}.items())))


def _parse_args(data: Plain, place: Place, problems: list[Problem]) -> tuple[tuple[str, str], ...]:
    """Parse `{A: b}`, or a list of `A=b` as Compose files have it."""
    if data is None:
        return ()
    pairs: dict[str, str] = {}
    hint = "write `args: {NAME: value}`"
    if isinstance(data, list) and all(isinstance(each, str) and "=" in each for each in data):
        data = {name: value for name, _, value in (str(each).partition("=") for each in data)}
    if not isinstance(data, dict):
        problems.append(Problem("args of a build: expected a mapping", hint, place))
        return ()
    for name, value in data.items():
        if isinstance(value, dict | list) or value is None or not name or "=" in name or "\0" in f"{name}{value}":
            problems.append(Problem(f"args of a build: {name!r} has no valid name and value", hint, place))
        else:
            pairs[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return tuple(sorted(pairs.items()))


def _parse_words(data: Plain, place: Place, problems: list[Problem]) -> tuple[str, ...]:
    if data is None:
        return ()
    if not isinstance(data, list) or not all(isinstance(each, str) and each.strip() for each in data):
        problems.append(Problem("buildpacks of a build: expected a list of strings", "", place))
        return ()
    return tuple(str(each).strip() for each in data)
