"""`containers.*.volumes`: one Fly volume for each Machine."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from scorefly.convert.target import Conversion
from scorefly.fly.names import volume_name_problem
from scorefly.problems import Place
from scorefly.score.placeholders import UnknownReference, references
from scorefly.score.workload import ContainerVolume
from scorefly.values import Secret

DEFAULT_SIZE_GB = 1


def convert_volumes(conversions: Sequence[Conversion]) -> list[dict[str, Any]]:
    """The `[[mounts]]` of fly.toml: a Machine has one volume at most, and all its containers see it at one path."""
    mounts: list[dict[str, Any]] = []
    volumes = [(conversion, volume) for conversion in conversions for volume in conversion.container.volumes]
    first = volumes[0][1] if volumes else None
    for number, (conversion, volume) in enumerate(volumes):
        place = conversion.place("volumes", volume.target)
        if number and first and (volume.source, volume.target) == (first.source, first.target):
            _check(conversion, volume, place)
        elif number:
            conversion.unsupported(
                f"volume {volume.target} is one too many: a Fly Machine has one volume at most",
                "mount one volume at one path, or make two workloads",
                place,
            )
        else:
            mounts += _mount(conversion, volume, place)
    return mounts


def _mount(conversion: Conversion, volume: ContainerVolume, place: Place) -> list[dict[str, Any]]:
    _check(conversion, volume, place)
    source = conversion.substitute(volume.source, place)
    if source is None:
        return []
    if isinstance(source, Secret):
        conversion.wrong("the volume's name is secret", "name it by something that is not", place)
        return []
    # Only scorefly and Fly see the name, and a Score file means one of its own kind.
    name = source.replace("-", "_").lower()
    if problem := volume_name_problem(name):
        suggestion = re.sub(r"[^a-z0-9_]+", "_", name).strip("_")[:30] or "data"
        conversion.wrong(problem, f"for example {suggestion!r}, or a resource of type volume", place)
        return []
    size = f"{_size(conversion, volume, place)}gb"
    return [{"source": name, "destination": volume.target, "initial_size": size}]


def _check(conversion: Conversion, volume: ContainerVolume, place: Place) -> None:
    if volume.path not in (None, "", "/"):
        conversion.unsupported(f"sub-path {volume.path!r}: Fly mounts whole volumes", "mount the volume itself", place)
    if volume.read_only:
        conversion.unsupported("readOnly: Fly mounts volumes for reading and writing", "take readOnly out", place)
    if not volume.target.startswith("/") or os.path.normpath(volume.target) in ("/", "//") or _is_odd(volume.target):
        conversion.wrong(f"a volume cannot be mounted at {volume.target!r}", "give an absolute path below /", place)


def _is_odd(target: str) -> bool:
    return bool({"..", "."} & set(target.split("/"))) or "\0" in target


def _size(conversion: Conversion, volume: ContainerVolume, place: Place) -> int:
    """In GB: the `size_gb` of the resource that names the volume, where it has one."""
    named = [reference for reference in references(volume.source) if reference[0] == "resources"]
    size: object = conversion.annotations.get("volume-size-gb", DEFAULT_SIZE_GB)
    with suppress(UnknownReference, IndexError):
        size = conversion.lookup(("resources", named[0][1], "size_gb"))
    if isinstance(size, Secret):
        conversion.wrong("the volume's size is secret, and fly.toml shows it", "give size_gb as a number", place)
        return DEFAULT_SIZE_GB
    text = str(size)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 500):
        conversion.wrong(f"a volume cannot have {size!r} GB", "give size_gb as a whole number from 1 to 500", place)
        return DEFAULT_SIZE_GB
    return int(text)
