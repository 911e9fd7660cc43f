"""The JSON Schemas of the keys in `scorefly.yaml` that describe a tree of projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "pattern": r"\S"}
_SECRET = "^[A-Za-z_][A-Za-z0-9_]*$"  # noqa: S105 - the pattern of a secret's name
_NAME: Schema = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"}
_SECRETS: Schema = {"type": "array", "items": {"type": "string", "pattern": _SECRET}}
_AFTER: Schema = {"anyOf": [_NAME, {"type": "array", "items": _NAME}, {"type": "null"}]}
_SOURCE: Schema = {
    "type": ["object", "null"],
    "additionalProperties": False,
    "properties": {
        "repo": {"type": "string", "description": "Address by https or ssh."},
        "branch": {"type": "string"},
        "tag": {"type": "string", "description": "A tag, or a pattern such as v1.*: the highest version."},
        "commit": {"type": "string", "pattern": "^(?:[0-9a-f]{40}|[0-9a-f]{64})$"},
        "path": {"type": "string", "pattern": "^(?!/)"},
    },
    "not": {"anyOf": [{"required": [one, other]} for one, other in (("branch", "tag"), ("branch", "commit"))]},
}
_SOURCE["not"]["anyOf"].append({"required": ["tag", "commit"]})

# Keys of a workload.
WORKLOAD_KEYS: Mapping[str, Schema] = {
    "source": {"description": "Folder of another repository that has the Score file.", **_SOURCE},
    "score-file": {"description": "Path of the Score file.", "type": ["string", "null"], "pattern": r"^(?!/).*\S"},
    "score": {"description": "Fragment merged into the Score file; null removes.", "type": ["object", "null"]},
    "fly": {
        "description": "Fragment merged into fly.toml; null removes.",
        "type": ["object", "null"],
        "not": {"required": ["app"], "type": "object"},
    },
    "add": {
        "description": "Files of this project to copy into the source, by their path in the source.",
        "type": ["object", "null"],
        "additionalProperties": _TEXT,
    },
    "app": {
        "description": "Whole name of the Fly app.",
        "type": ["string", "null"],
        "pattern": "^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$",
    },
    "image": {"description": "Image of containers whose image is `.`.", "type": ["string", "null"], "pattern": r"\S"},
    "secrets": {"description": "Secrets that the Score file may use.", "anyOf": [_SECRETS, {"type": "null"}]},
    "after": {"description": "Workloads that are deployed before.", **_AFTER},
    "suspended": {
        "description": "Reason to leave the app as it is.",
        "anyOf": [_TEXT, {"const": False}, {"type": "null"}],
    },
    "deploy-args": {
        "description": "Further flags for flyctl deploy.",
        "anyOf": [{"type": "string"}, {"type": "array", "items": _TEXT}, {"type": "null"}],
    },
}


def tree_schemas(workload: Schema) -> dict[str, Schema]:
    """Return the schemas of the keys at the top of the file; `workload` is that of one workload's settings."""
    return {
        "project": {
            "description": "Name of the project.",
            "type": ["string", "null"],
            "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$",
        },
        "include": {
            "description": "Other projects: folders of this repository, or of others.",
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!/).*\S"},
                    "source": {**_SOURCE, "type": "object", "required": ["repo"]},
                    "provisioners": {},
                    "secrets": _SECRETS,
                },
                "oneOf": [{"required": ["path"]}, {"required": ["source"]}],
            },
        },
        "vars": {
            "description": "Variables, used as $(name) in settings of workloads.",
            "type": ["object", "null"],
            "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_.-]*$"},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
        "defaults": {"description": "Settings of all workloads below, which each may replace.", **workload},
        "always": {"description": "Settings of all workloads below, which none may replace.", **workload},
        "after": {"description": "Projects that are deployed before; below an environment, environments.", **_AFTER},
        "access": {
            "description": "Names of the secrets with credentials, by host and path of repositories.",
            "type": ["object", "null"],
            "propertyNames": {"pattern": r"^[A-Za-z0-9_.-]+(?::[0-9]+)?(?:/[A-Za-z0-9_.~+%-]+)*$"},
            "additionalProperties": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "properties": {
                    "token": {"type": "string", "pattern": _SECRET},
                    "username": _TEXT,
                    "ssh-key": {"type": "string", "pattern": _SECRET},
                    "known-hosts": _TEXT,
                },
            },
        },
    }
