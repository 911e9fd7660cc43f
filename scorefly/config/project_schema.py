"""The JSON Schema of `scorefly.yaml`, made from the tables that validate it."""

from __future__ import annotations

from scorefly.config.kind_schemas import Schema
from scorefly.config.kinds import KINDS
from scorefly.config.option import Option
from scorefly.config.options import OPTIONS
from scorefly.config.previews import NOT_SHARED, PREVIEWS, SHARE, SHARED
from scorefly.config.project_file import ENVIRONMENTS, OVERRIDES
from scorefly.config.workloads import WORKLOADS
from scorefly.config.workloads_schema import tree_schemas, workload_schema, workloads_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
LOCATION = "https://raw.githubusercontent.com/scorefly/scorefly/v1/docs"


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
    return {"description": f"{option.help}{note}", **KINDS[option.kind].schema(option)}
