"""The value of an annotation, from its text by the kind of the annotation."""

from __future__ import annotations

import json
import re
from typing import Any

from scorefly.convert.annotations import Annotation
from scorefly.fly.app import MAX_MACHINES

_DURATION = re.compile(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?", re.ASCII)


def parse_annotation(annotation: Annotation, text: str) -> Any:  # noqa: C901 - one line a kind
    """Return the value of an annotation. Raises ValueError with the form that the text must have."""
    text = text.strip()
    match annotation.kind:
        case tuple() as choices:
            if text not in choices:
                raise ValueError(f"must be one of {', '.join(choices)}")
            return text
        case "text":
            if not text:
                raise ValueError("must not be empty")
            return text
        case "whole":
            if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
                raise ValueError("must be a whole number")
            return int(text)
        case "number":
            if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text, re.ASCII):
                raise ValueError("must be a number")
            return float(text) if "." in text else int(text)
        case "yes/no":
            if text not in ("true", "false"):
                raise ValueError("must be true or false")
            return text == "true"
        case "seconds":
            match = _DURATION.fullmatch(text)
            if not text or match is None:
                raise ValueError("must be a time such as 30s or 5m")
            hours, minutes, seconds = (int(part or 0) for part in match.groups())
            return f"{hours * 3600 + minutes * 60 + seconds}s"
        case "count":
            if re.fullmatch(r"[\d-]+", text, re.ASCII):
                return {"": _machines(text)}
            return _numbers(text, "must be a number of Machines, or one for each process group")
        case "regions":
            return _numbers(text, "must be regions with a number of Machines each")
        case "words":
            return [word for word in re.split(r"[\s,]+", text) if word]
        case _:
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                found = None
            if not isinstance(found, dict) or not found:
                raise ValueError("must be a JSON object")
            return found


def _numbers(text: str, otherwise: str) -> dict[str, int]:
    """Parse `NAME=NUMBER,NAME=NUMBER`. Raises ValueError."""
    numbers: dict[str, int] = {}
    for word in filter(None, re.split(r"[\s,]+", text)):
        name, separator, number = word.partition("=")
        if not name or not separator:
            raise ValueError(otherwise)
        if name in numbers:
            raise ValueError(f"{name!r} is given twice")
        numbers[name] = _machines(number)
    if not numbers:
        raise ValueError(otherwise)
    return numbers


def _machines(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not 1 <= int(text) <= MAX_MACHINES:
        raise ValueError(f"the number of Machines must be from 1 to {MAX_MACHINES}")
    return int(text)
