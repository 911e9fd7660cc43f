"""The JSON Schemas of the keys of a workload in `scorefly.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorefly.config.workloads import PARSERS
from scorefly.fly.app import MAX_MACHINES

Schema = dict[str, Any]

_COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_MACHINES}
_COUNTS: Schema = {"type": "object", "minProperties": 1, "additionalProperties": _COUNT}

_BUILD: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "context": {"type": "string"},
        "dockerfile": {"type": "string"},
        "target": {"type": "string"},
        "args": {"type": "object"},
        "builder": {"type": "string"},
        "buildpacks": {"type": "array", "items": {"type": "string"}},
    },
}
_KEYS: Mapping[str, Schema] = {
    "builds": {
        "description": "The image build of a container whose image is `.`, by container.",
        "type": ["object", "null"],
        "additionalProperties": {"anyOf": [{"type": "string"}, _BUILD]},
        "examples": [{"main": {"context": ".", "dockerfile": "docker/web.Dockerfile", "target": "prod"}}],
    },
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
}


def workloads_schema() -> Schema:
    """Return the schema of a `workloads` section. A key without a schema here may have any value."""
    keys = {key: _KEYS.get(key, {}) for key in PARSERS}
    return {
        "description": "Settings of single workloads, by workload name.",
        "type": ["object", "null"],
        "additionalProperties": {"type": ["object", "null"], "additionalProperties": False, "properties": keys},
    }
