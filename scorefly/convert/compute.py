"""`containers.*.resources`: the smallest Fly Machine that holds what is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import ceil
from typing import Any

from scorefly.convert.target import Conversion
from scorefly.fly.sizes import GPUS, NO_GPUS, NoSuchSize, preset_named, preset_names, smallest_size
from scorefly.problems import nearest
from scorefly.quantities import MIB, cpus, memory_bytes


def convert_compute(conversions: Sequence[Conversion]) -> tuple[str, list[dict[str, Any]]]:
    """The size in words, and the `[[vm]]` of fly.toml: what all containers ask for, added up."""
    first = conversions[0]
    if preset := first.annotations.get("size"):
        return _preset(first, preset)
    wanted_cpus = sum((_larger(each, "cpu", cpus) for each in conversions), Fraction(0))
    wanted_memory = sum((_larger(each, "memory", memory_bytes) for each in conversions), Fraction(0))
    try:
        size = smallest_size(wanted_cpus, ceil(wanted_memory / MIB))
    except NoSuchSize as error:
        asked = f"{_number(wanted_cpus)} CPUs and {_number(Fraction(ceil(wanted_memory / MIB)))} MiB"
        first.wrong(f"{asked} fit no Fly Machine: {error}", "ask for less", first.place("resources"))
        return "", []
    more = {"memory": f"{size.memory_mb}mb"} if size.memory_mb != size.preset_memory_mb else {}
    return str(size), [{"size": size.preset, **more}]


def _larger(conversion: Conversion, what: str, read: Callable[[str], Fraction]) -> Fraction:
    """The larger of a request and its limit, of which either may be missing."""
    request: str | None = getattr(conversion.container.requests, what)
    limit: str | None = getattr(conversion.container.limits, what)
    try:
        amounts = [read(text) for text in (request, limit) if text]
    except ValueError:
        # Python reads no number of more than some thousand digits.
        conversion.wrong(f"this {what} is larger than any Machine", "ask for less", conversion.place("resources"))
        return Fraction(0)
    if request and limit and amounts[1] < amounts[0]:
        _contradiction(conversion, what, request, limit)
    return max(amounts, default=Fraction(0))


def _number(amount: Fraction) -> str:
    """Readable, also where a float could not hold it."""
    return f"{float(amount):.12g}" if amount < 10**9 else "more than a billion"


def _preset(conversion: Conversion, name: str) -> tuple[str, list[dict[str, Any]]]:
    if (preset := preset_named(name)) and name not in GPUS:
        return str(preset), [{"size": name}]
    place = conversion.workload.place("metadata", "annotations", "scorefly/size")
    reason = f": {NO_GPUS}" if name in GPUS else ""
    conversion.wrong(f"Fly has no Machine size {name!r}{reason}", nearest(name, preset_names()), place)
    return "", []


def _contradiction(conversion: Conversion, what: str, request: str, limit: str) -> None:
    conversion.warn(
        f"{what} limit {limit} is below the request {request}: the larger one counts",
        "make the limit at least the request",
        conversion.place("resources", "limits", what),
    )
