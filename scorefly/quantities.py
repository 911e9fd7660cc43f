"""Quantities as people write them: CPUs and memory in Score files, memory and volume sizes in fly.toml."""

from __future__ import annotations

import re
from fractions import Fraction

MIB = 1024 * 1024
_UNITS = {
    "": 1,
    **{unit: 1000**power for power, unit in enumerate("KMGTPE", start=1)},
    **{f"{unit}i": 1024**power for power, unit in enumerate("KMGTPE", start=1)},
}
_SCORE_MEMORY = re.compile(r"([0-9.]+)([KMGTPE]i?)?", re.ASCII)
_FLY_MEMORY = re.compile(r"([0-9]+) ?(mb|gb|)", re.ASCII)
_FLY_VOLUME = re.compile(r"(\d{1,5}) ?(gb)?", re.ASCII)


def cpus(text: str) -> Fraction:
    """Return the CPUs of a Score quantity: `250m`, `0.5`, `2`. Raises ValueError."""
    return Fraction(text.removesuffix("m")) / 1000 if text.endswith("m") else Fraction(text)


def memory_bytes(text: str) -> Fraction:
    """Return the bytes of a Score quantity: `128Mi`, `1.5G`, `1048576`. Raises ValueError."""
    match = _SCORE_MEMORY.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return Fraction(match[1]) * Fraction(_UNITS[match[2] or ""])


def megabytes(text: str) -> int:
    """Return memory as fly.toml writes it, in MB: `512`, `512mb`, `2gb`. Raises ValueError."""
    match = _FLY_MEMORY.fullmatch(text.lower())
    if match is None:
        raise ValueError(text)
    return int(match[1]) * (1024 if match[2] == "gb" else 1)


def volume_gigabytes(text: str) -> int | None:
    """Return the size of a volume as fly.toml writes it, in GB: `10`, `10gb`; None for any other form."""
    match = _FLY_VOLUME.fullmatch(text.lower())
    return int(match[1]) if match else None
