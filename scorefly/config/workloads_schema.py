"""The JSON Schemas of the keys of a workload in `scorefly.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorefly.config.tree_schema import WORKLOAD_KEYS
from scorefly.config.workloads import PARSERS
from scorefly.convert.build_spec import BUILD_TEXTS
from scorefly.fly.app import MAX_MACHINES

Schema = dict[str, Any]

_COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_MACHINES}
_COUNTS: Schema = {"type": "object", "minProperties": 1, "additionalProperties": _COUNT}

_TEXT: Schema = {"type": "string", "minLength": 1}
_ARGS: Schema = {
    "anyOf": [
        {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
        {"type": "array", "items": {"type": "string", "pattern": "="}},
        {"type": "null"},
    ]
}
_BUILD: Schema = {
    "anyOf": [
        _TEXT,
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                **{key: {"type": ["string", "null"], "minLength": 1} for key in BUILD_TEXTS},
                "args": _ARGS,
                "buildpacks": {"type": ["array", "null"], "items": _TEXT},
            },
        },
        {"type": "null"},
    ]
}

_KEYS: Mapping[str, Schema] = {
    "count": {
        "description": "Number of Machines, or a number for each process group.",
        "anyOf": [_COUNT, _COUNTS, {"type": "null"}],
        "examples": [3, {"web": 3, "worker": 1}],
    },
    "regions": {
        "description": "Number of Machines in each region, or such a mapping for each process group.",
        "anyOf": [
            _COUNTS,
            {"type": "object", "minProperties": 1, "additionalProperties": _COUNTS},
            {"type": "null"},
        ],
        "examples": [{"ams": 2, "iad": 1}],
    },
    "builds": {
        "description": "The image build of a container whose image is `.`, by container.",
        "type": ["object", "null"],
        "additionalProperties": _BUILD,
        "examples": [{"main": {"context": ".", "dockerfile": "docker/web.Dockerfile", "target": "prod"}}],
    },
    **WORKLOAD_KEYS,
}


def workloads_schema() -> Schema:
    """Return the schema of a `workloads` section. A key without a schema here may have any value."""
    return {
        "description": "Settings of single workloads, by workload name.",
        "type": ["object", "null"],
        "additionalProperties": workload_schema(),
    }


def workload_schema() -> Schema:
    """Return the schema of the settings of one workload."""
    keys = {key: _KEYS.get(key, {}) for key in PARSERS}
    return {"type": ["object", "null"], "additionalProperties": False, "properties": keys}
