"""Converts the build of an image: `[build]` of a fly.toml as `builds` of scorefly.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from scorefly.unconvert.meaning import DOCKERFILES

# Keys of [build] by those of a build.
_KEYS = {"dockerfile": "dockerfile", "target": "build-target", "args": "args", "builder": "builder"}


def build_of(document: Mapping[str, Any], folder: PurePosixPath, *, is_elsewhere: bool = False) -> dict[str, Any]:
    """Return the build of a document whose image is built and needs more than a Dockerfile beside it; else nothing.

    `folder` is the context; `is_elsewhere` says that it is not the folder of the Score file.
    """
    table = document.get("build") or {}
    if table.get("image"):
        return {}
    found = {key: table[written] for key, written in _KEYS.items() if table.get(written)}
    if found.get("dockerfile") in DOCKERFILES:
        del found["dockerfile"]
    if "builder" in found and table.get("buildpacks"):
        found["buildpacks"] = list(table["buildpacks"])
    if "builder" in found and ("dockerfile" in found or "target" in found):
        return {}  # flyctl takes one of the two, and warns: both stay as they are
    return {"context": folder.as_posix(), **found} if found or is_elsewhere else {}


def without_build(document: Mapping[str, Any], build: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document without what a build says."""
    if not build:
        return dict(document)
    said = {_KEYS.get(key, key) for key in build}
    rest = {key: value for key, value in (document.get("build") or {}).items() if key not in said}
    without = {key: value for key, value in document.items() if key != "build"}
    return {**without, **({"build": rest} if rest else {})}
