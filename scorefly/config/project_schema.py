"""The JSON Schema of `scorefly.yaml`, made from the tables that validate it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from scorefly.config.checks import TEXT_RULES
from scorefly.config.option import Kind, Option
from scorefly.config.options import OPTIONS
from scorefly.config.previews import NOT_SHARED, PREVIEWS, SHARE, SHARED
from scorefly.config.project_file import ENVIRONMENTS, OVERRIDES
from scorefly.config.workloads import WORKLOADS
from scorefly.config.workloads_schema import tree_schemas, workload_schema, workloads_schema

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
LOCATION = "https://raw.githubusercontent.com/scorefly/scorefly/v1/docs"

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_TEXT = ["string", "number"]
_DURATION = r"^\s*(?=.*[1-9])(?:[0-9]{1,9}|(?:[0-9]{1,9}d)?(?:[0-9]{1,9}h)?(?:[0-9]{1,9}m)?(?:[0-9]{1,9}s)?)\s*$"
_COUNT = r"^(?=.{1,4}$)0*(?:[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-6])$"
# A line of `images`: for one workload or container, or for all.
_PAIR = r"[^\s=][^=\n]*=[^\n]*\S[^\n]*(?:\n\s*|$)"
_BARE = r"[^\s=][^=\n]*(?:\n\s*|$)"


def project_schema() -> Schema:
    """Return the schema: each option that a file may set, at the top and below each environment."""
    keys = {option.name: _described(option) for option in OPTIONS if not option.private}
    keys[OVERRIDES] = {
        "description": "Score fragments by workload; each is merged into the workload's Score file.",
        "type": ["object", "null"],
        "additionalProperties": {"type": "string"},
        "examples": [{"web": "web/staging.yaml"}],
    }
    keys[WORKLOADS] = workloads_schema()
    below = {name: {"$ref": f"#/properties/{name}"} for name in keys if name != "environment"}
    tree, tree_below = tree_schemas()
    below |= {name: {"$ref": f"#/properties/{name}"} for name in tree_below}
    return {
        "$schema": DIALECT,
        "$id": f"{LOCATION}/project.schema.json",
        "title": "scorefly.yaml",
        "description": "Options of scorefly for every run, and for the environments that differ.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **keys,
            **tree,
            PREVIEWS: {
                "description": "What all previews share.",
                "type": ["object", "null"],
                "additionalProperties": False,
                "properties": {
                    SHARE: {
                        "description": "Types of resources whose server all previews share, with a database for each.",
                        "type": ["array", "null"],
                        "items": {"enum": [*SHARED, *NOT_SHARED]},
                    }
                },
            },
            ENVIRONMENTS: {
                "description": "Options by environment. A name may be a pattern, such as pr-*.",
                "type": ["object", "null"],
                "additionalProperties": {"$ref": "#/$defs/environment"},
            },
        },
        "$defs": {
            "environment": {"type": ["object", "null"], "additionalProperties": False, "properties": below},
            "workload": workload_schema(),
        },
    }


def _described(option: Option) -> Schema:
    default = option.cli_default or option.default
    note = f" Default: {default}." if default else ""
    return {"description": f"{option.help}{note}", **_SCHEMAS[option.kind](option)}


def _text(option: Option) -> Schema:
    rule = TEXT_RULES.get(option.field)
    if rule is None:
        return {"type": [*_TEXT, "null"]}
    schema: Schema = {"type": ["string", "null"], "pattern": rf"^\s*(?:{rule[0]})?\s*$"}
    if re.fullmatch(rule[0], "1"):
        schema["type"] = ["string", "number" if re.fullmatch(rule[0], "1.5") else "integer", "null"]
        schema |= {} if re.fullmatch(rule[0], "-1") else {"minimum": 0}
    return schema


def _flag(_option: Option) -> Schema:
    return {"type": ["boolean", "string", "null"], "pattern": "^(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"}


def _count(_option: Option) -> Schema:
    return {"type": ["integer", "string", "null"], "minimum": 1, "maximum": 256, "pattern": _COUNT}


def _duration(_option: Option) -> Schema:
    return duration_schema("null")


def duration_schema(*also: str) -> Schema:
    """Return the schema of a duration such as 90s; `also` are more types that are valid."""
    return {
        "type": ["string", "integer", *also],
        "pattern": _DURATION,
        "minimum": 1,
        "maximum": 999_999_999,
        "examples": ["90s", "5m", "14d"],
    }


def _lines(_option: Option) -> Schema:
    return {"type": [*_TEXT, "array", "null"], "items": {"type": _TEXT}}


def _words(option: Option) -> Schema:
    pattern = rf"^[\s,]*(?:(?:{'|'.join(option.choices)})[^\S\n]*(?:[,\n][\s,]*|$))*$"
    return {"type": ["string", "array", "null"], "pattern": pattern, "items": {"type": "string", "pattern": pattern}}


def _choice(option: Option) -> Schema:
    return {"enum": [*option.choices, None]}


def _pairs(_option: Option) -> Schema:
    pattern = rf"^\s*(?:{_NAME}[^\S\n]*=[^\n]*(?:\n\s*|$))*$"
    return {
        "type": ["object", "string", "array", "null"],
        "propertyNames": {"pattern": f"^{_NAME}$"},
        "additionalProperties": {"type": _TEXT},
        "pattern": pattern,
        "items": {"type": "string", "pattern": pattern},
    }


def _json(_option: Option) -> Schema:
    return {
        "type": ["object", "string", "null"],
        "additionalProperties": {"type": ["string", "null"]},
        "pattern": r"^\s*(?:\{[\s\S]*\}|null)\s*$",
    }


def _images(_option: Option) -> Schema:
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


def _builds(_option: Option) -> Schema:
    pattern = r"^\s*(?:[^=\n]+=[^\n]+(?:\n\s*|$))*$"
    return {
        "type": ["string", "array", "null"],
        "pattern": pattern,
        "items": {"type": "string", "pattern": pattern},
        "examples": ["main=services/web"],
    }


_SCHEMAS: Mapping[Kind, Callable[[Option], Schema]] = {
    "text": _text,
    "flag": _flag,
    "optional_flag": _flag,
    "count": _count,
    "duration": _duration,
    "lines": _lines,
    "words": _words,
    "choice": _choice,
    "pairs": _pairs,
    "json": _json,
    "images": _images,
    "builds": _builds,
}
