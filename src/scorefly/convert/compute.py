"""`containers.*.resources`: the smallest Fly Machine that holds what is asked for."""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil
from typing import Any

from scorefly.convert.target import Conversion
from scorefly.fly.sizes import NoSuchSize, smallest_size

MIB = 1024 * 1024
_UNITS = {
    "": 1,
    **{unit: 1000**power for power, unit in enumerate("KMGTPE", start=1)},
    **{f"{unit}i": 1024**power for power, unit in enumerate("KMGTPE", start=1)},
}
_MEMORY = re.compile(r"([0-9.]+)([KMGTPE]i?)?", re.ASCII)


def cpus(text: str) -> Fraction:
    """CPUs of a Score quantity: `250m`, `0.5`, `2`."""
    return Fraction(text.removesuffix("m")) / 1000 if text.endswith("m") else Fraction(text)


def memory_bytes(text: str) -> Fraction:
    """Bytes of a Score quantity: `128Mi`, `1.5G`, `1048576`."""
    match = _MEMORY.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return Fraction(match[1]) * Fraction(_UNITS[match[2] or ""])


def convert_compute(conversion: Conversion) -> tuple[str, list[dict[str, Any]]]:
    """The size in words, and the `[[vm]]` of fly.toml."""
    container = conversion.container
    requests, limits = container.requests, container.limits
    wanted_cpus = max((cpus(text) for text in (requests.cpu, limits.cpu) if text), default=Fraction(0))
    wanted_memory = max((memory_bytes(text) for text in (requests.memory, limits.memory) if text), default=Fraction(0))
    if requests.cpu and limits.cpu and cpus(limits.cpu) < cpus(requests.cpu):
        _contradiction(conversion, "cpu", requests.cpu, limits.cpu)
    if requests.memory and limits.memory and memory_bytes(limits.memory) < memory_bytes(requests.memory):
        _contradiction(conversion, "memory", requests.memory, limits.memory)
    try:
        size = smallest_size(wanted_cpus, ceil(wanted_memory / MIB))
    except NoSuchSize as error:
        asked = f"{float(wanted_cpus):g} CPUs and {ceil(wanted_memory / MIB)} MiB"
        conversion.wrong(f"{asked} fit no Fly Machine: {error}", "ask for less", conversion.place("resources"))
        return "", []
    more = {"memory": f"{size.memory_mb}mb"} if size.memory_mb != size.preset_memory_mb else {}
    return str(size), [{"size": size.preset, **more}]


def _contradiction(conversion: Conversion, what: str, request: str, limit: str) -> None:
    conversion.warn(
        f"{what} limit {limit} is below the request {request}: the larger one counts",
        "make the limit at least the request",
        conversion.place("resources", "limits", what),
    )
