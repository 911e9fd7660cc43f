"""Sizes of Machines: Fly's presets, and how much memory each may have.

Shared CPUs take 256 to 2048 MB each in steps of 256, performance CPUs 2048 to 8192 MB each in steps of 2048
(fly.io/docs/machines/guides-examples/machine-sizing; the same bounds are constants of Fly's client).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace


class Kind(Struct, frozen=True):
    """One kind of CPU: how many a Machine may have, and megabytes of memory for each of them."""

    name: str
    cpus: tuple[int, ...]
    least_memory: int
    most_memory: int
    step: int


KINDS = (
    Kind("shared", (1, 2, 4, 6, 8), 256, 2048, 256),
    Kind("performance", (1, 2, 4, 6, 8, 10, 12, 14, 16), 2048, 8192, 2048),
)

NO_GPUS = "Fly has had no GPUs since August 2026"
# GPU presets and the kind of GPU each has; all are performance-8x with 32 GB (fly-go's MachinePresets).
GPUS = {"a100-40gb": "a100-pcie-40gb", "a100-80gb": "a100-sxm4-80gb", "l40s": "l40s", "a10": "a10"}


class Size(Struct, frozen=True):
    """A preset, with the desired memory in MB."""

    preset: str
    cpu_kind: str
    cpus: int
    memory_mb: int
    preset_memory_mb: int

    def __str__(self) -> str:
        return f"{self.preset}, {self.memory_mb} MB"


class NoSuchSize(ValueError):  # noqa: N818 - named for what it says
    """No Machine is that large; the message names the largest there is."""


def smallest_size(cpus: Fraction, memory_mb: int) -> Size:
    """The smallest Machine that has this many CPUs and this much memory (MB). Raises NoSuchSize.

    Shared CPUs come before performance ones, then fewer before more.
    """
    for kind in KINDS:
        for count in kind.cpus:
            if count >= cpus and count * kind.most_memory >= memory_mb:
                preset = _preset(kind, count)
                rounded = -(-memory_mb // kind.step) * kind.step
                return replace(preset, memory_mb=max(preset.memory_mb, rounded))
    largest = KINDS[-1]
    most = largest.cpus[-1] * largest.most_memory
    raise NoSuchSize(f"the largest Machine is performance-{largest.cpus[-1]}x with up to {most} MB of memory")


def preset_names() -> list[str]:
    """Every preset's name, the smallest first."""
    return [_preset(kind, count).preset for kind in KINDS for count in kind.cpus]


def preset_named(name: str) -> Size | None:
    """The preset of that name, with its own memory."""
    return presets().get(name)


@cache
def presets() -> Mapping[str, Size]:
    """All presets by name."""
    plain = [_preset(kind, count) for kind in KINDS for count in kind.cpus]
    gpus = {name: Size(name, "performance", 8, 32768, 32768) for name in GPUS}
    return MappingProxyType({size.preset: size for size in plain} | gpus)


def guest_problem(cpu_kind: str, cpus: int, memory_mb: int) -> str | None:
    """Return what is wrong with a Machine of these CPUs and this memory (MB), or None. Names the nearest valid size."""
    kind = next((kind for kind in KINDS if kind.name == cpu_kind), None)
    if kind is None:
        return f"there are no {cpu_kind} CPUs, only {' and '.join(kind.name for kind in KINDS)} ones"
    if cpus not in kind.cpus:
        near = min(kind.cpus, key=lambda count: (abs(count - cpus), -count))
        counts = ", ".join(map(str, kind.cpus))
        return f"no Machine has {cpus} {cpu_kind} CPUs: there are {counts}, and {near} is nearest"
    least, most = cpus * kind.least_memory, cpus * kind.most_memory
    if least <= memory_mb <= most and memory_mb % kind.step == 0:
        return None
    near = min(max(-(-memory_mb // kind.step) * kind.step, least), most)
    plural = "CPU has" if cpus == 1 else "CPUs have"
    return (
        f"{cpus} {cpu_kind} {plural} {least} to {most} MB of memory in steps of {kind.step}, "
        f"not {memory_mb}: {near} is nearest"
    )


def _preset(kind: Kind, count: int) -> Size:
    name = "shared-cpu" if kind.name == "shared" else kind.name
    memory = count * kind.least_memory
    return Size(f"{name}-{count}x", kind.name, count, memory, memory)
