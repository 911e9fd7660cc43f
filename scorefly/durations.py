"""Durations as people write them: `90`, `90s`, `5m`, `1h30m`, `14d`."""

from __future__ import annotations

import re

from scorefly.values import Plain

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_FORM = re.compile("".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in _UNITS))
_NUMBER = re.compile("[0-9]{1,9}")


def parse_duration(value: Plain) -> float | None:
    """Seconds, more than 0; None for what is not a duration. A bare number is seconds."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    if _NUMBER.fullmatch(text):
        return float(text) or None
    match = _FORM.fullmatch(text)
    parts = zip(match.groups(), _UNITS.values(), strict=True) if match else ()
    return float(sum(int(number or 0) * seconds for number, seconds in parts)) or None
