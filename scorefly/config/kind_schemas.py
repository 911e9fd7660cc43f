"""The JSON Schemas of the kinds of options, as `scorefly.yaml` may set them."""

from __future__ import annotations

import re
from typing import Any

from scorefly.config.checks import TEXT_RULES
from scorefly.config.option import Option

Schema = dict[str, Any]
_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_TEXT = ["string", "number"]
_DURATION = r"^\s*(?=.*[1-9])(?:[0-9]{1,9}|(?:[0-9]{1,9}d)?(?:[0-9]{1,9}h)?(?:[0-9]{1,9}m)?(?:[0-9]{1,9}s)?)\s*$"
_COUNT = r"^(?=.{1,4}$)0*(?:[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-6])$"
# A line of `images`: for one workload or container, or for all.
_PAIR = r"[^\s=][^=\n]*=[^\n]*\S[^\n]*(?:\n\s*|$)"
_BARE = r"[^\s=][^=\n]*(?:\n\s*|$)"


def text_schema(option: Option) -> Schema:
    """Return the schema of a string."""
    rule = TEXT_RULES.get(option.field)
    if rule is None:
        return {"type": [*_TEXT, "null"]}
    schema: Schema = {"type": ["string", "null"], "pattern": rf"^\s*(?:{rule[0]})?\s*$"}
    if re.fullmatch(rule[0], "1"):
        schema["type"] = ["string", "number" if re.fullmatch(rule[0], "1.5") else "integer", "null"]
        schema |= {} if re.fullmatch(rule[0], "-1") else {"minimum": 0}
    return schema


def flag_schema(_option: Option) -> Schema:
    """Return the schema of true or false."""
    return {"type": ["boolean", "string", "null"], "pattern": "^(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"}


def count_schema(_option: Option) -> Schema:
    """Return the schema of a whole number from 1 to 256."""
    return {"type": ["integer", "string", "null"], "minimum": 1, "maximum": 256, "pattern": _COUNT}


def lines_schema(_option: Option) -> Schema:
    """Return the schema of lines."""
    return {"type": [*_TEXT, "array", "null"], "items": {"type": _TEXT}}


def words_schema(option: Option) -> Schema:
    """Return the schema of words from choices."""
    pattern = rf"^[\s,]*(?:(?:{'|'.join(option.choices)})[^\S\n]*(?:[,\n][\s,]*|$))*$"
    return {"type": ["string", "array", "null"], "pattern": pattern, "items": {"type": "string", "pattern": pattern}}


def choice_schema(option: Option) -> Schema:
    """Return the schema of one of the choices."""
    return {"enum": [*option.choices, None]}


def pairs_schema(_option: Option) -> Schema:
    """Return the schema of NAME=VALUE lines, or a mapping."""
    pattern = rf"^\s*(?:{_NAME}[^\S\n]*=[^\n]*(?:\n\s*|$))*$"
    return {
        "type": ["object", "string", "array", "null"],
        "propertyNames": {"pattern": f"^{_NAME}$"},
        "additionalProperties": {"type": _TEXT},
        "pattern": pattern,
        "items": {"type": "string", "pattern": pattern},
    }


def json_schema(_option: Option) -> Schema:
    """Return the schema of a JSON object of strings."""
    return {
        "type": ["object", "string", "null"],
        "additionalProperties": {"type": ["string", "null"]},
        "pattern": r"^\s*(?:\{[\s\S]*\}|null)\s*$",
    }


def images_schema(_option: Option) -> Schema:
    """Return the schema of images."""
    return {
        "type": ["object", *_TEXT, "array", "null"],
        "additionalProperties": {"type": _TEXT},
        "pattern": rf"^\s*(?:{_PAIR})*(?:{_BARE})?(?:{_PAIR})*$",
        "items": {"type": _TEXT, "pattern": rf"^\s*(?:{_PAIR}|{_BARE})?$"},
        "contains": {"anyOf": [{"type": "number"}, {"type": "string", "pattern": rf"^\s*{_BARE}$"}]},
        "minContains": 0,
        "maxContains": 1,
        "examples": ["ghcr.io/acme/web:1.4", {"web": "ghcr.io/acme/web:1.4"}],
    }


def builds_schema(_option: Option) -> Schema:
    """Return the schema of build contexts by container."""
    pattern = r"^\s*(?:[^=\n]+=[^\n]+(?:\n\s*|$))*$"
    return {
        "type": ["string", "array", "null"],
        "pattern": pattern,
        "items": {"type": "string", "pattern": pattern},
        "examples": ["main=services/web"],
    }


def duration_schema(*also: str) -> Schema:
    """Return the schema of a duration such as 90s; `also` are more types that are valid."""
    return {
        "type": ["string", "integer", *also],
        "pattern": _DURATION,
        "minimum": 1,
        "maximum": 999_999_999,
        "examples": ["90s", "5m", "14d"],
    }
