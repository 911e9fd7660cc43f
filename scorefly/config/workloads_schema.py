"""The JSON Schemas of workloads, and of the keys of a tree of projects, in `scorefly.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorefly.config.fly_keys import MAX_RETENTION, MAX_SIZE_GB
from scorefly.config.tree_file import ENVIRONMENT_KEYS, TOP_KEYS
from scorefly.config.workloads import PARSERS
from scorefly.fly.addresses import KINDS
from scorefly.fly.app import MAX_MACHINES

Schema = dict[str, Any]


def _text(pattern: str = r"\S", description: str = "") -> Schema:
    """Return the schema of a text that matches, or that has a variable `$(name)`."""
    schema: Schema = {"type": "string", "anyOf": [{"pattern": pattern}, {"pattern": r"\$\("}]}
    return {**schema, "description": description} if description else schema


def _object(properties: Mapping[str, Schema], **more: Any) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": dict(properties), **more}


def _number(most: int, description: str) -> Schema:
    numbers: Schema = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": most}, _text(r"\$\(")]}
    return {**numbers, "description": description}


_SECRET = r"^[A-Za-z_][A-Za-z0-9_]*$"  # noqa: S105 - the form of a name
_COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_MACHINES}
_COUNTS: Schema = {"type": "object", "minProperties": 1, "additionalProperties": _COUNT}
_NAMES: Schema = {"type": "array", "items": _text(_SECRET)}
_AFTER: Schema = {
    "description": "What is deployed before: a name or a list of names.",
    "type": ["string", "array"],
    "anyOf": [{"type": "array"}, _text(r"^[A-Za-z0-9][\w.-]*$")],
    "items": _text(r"^[A-Za-z0-9][\w.-]*$"),
}
_PATH = r"^(?!/)(?!(?:\./+)*\.\.(?:/|$))[^\u0000-\u001f]*\S"
_SOURCE: Schema = _object(
    {
        "repo": _text(r"^\S+$", "URL of a git repository, over https or ssh."),
        "branch": _text(r"^[^\s~^:?*\[\\/-]", "A branch."),
        "tag": _text(r"^[^\s~^:\\/-]", "A tag."),
        "commit": _text(r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$", "A commit."),
        "path": {
            "type": "string",
            "description": "A folder of the repository.",
            "pattern": r"^(?!/)(?!\.\.(?:/|$))[^:]*$",
        },
        "submodules": {"type": "boolean", "description": "Read its submodules too."},
        "lfs": {"type": "boolean", "description": "Read its files in Git LFS too."},
    },
    description="The repository that the workload comes from.",
    allOf=[{"not": {"required": list(pair)}} for pair in (("branch", "tag"), ("branch", "commit"), ("tag", "commit"))],
)
_BUILD: Schema = {
    "anyOf": [
        {"type": "string", "pattern": r"\S"},
        {"type": "null"},
        _object(
            {
                **{key: {"type": ["string", "null"], "pattern": r"\S"} for key in ("context", "dockerfile")},
                **{key: {"type": ["string", "null"], "pattern": r"\S"} for key in ("target", "builder")},
                "args": {
                    "anyOf": [
                        {"type": "null"},
                        {"type": "array", "items": {"type": "string", "pattern": "="}},
                        {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
                    ]
                },
                "buildpacks": {"type": ["array", "null"], "items": {"type": "string", "pattern": r"\S"}},
            }
        ),
    ]
}
_KEYS: Mapping[str, Schema] = {
    "count": {
        "description": "Number of Machines, or a number for each process group.",
        "anyOf": [_COUNT, _COUNTS],
        "examples": [3, {"web": 3, "worker": 1}],
    },
    "regions": {
        "description": "Number of Machines in each region, or such a mapping for each process group.",
        "anyOf": [_COUNTS, {"type": "object", "minProperties": 1, "additionalProperties": _COUNTS}],
        "examples": [{"ams": 2, "iad": 1}],
    },
    "builds": {
        "description": "How the images of containers are built, by container.",
        "type": "object",
        "additionalProperties": _BUILD,
        "examples": [{"main": {"context": ".", "dockerfile": "docker/web.Dockerfile"}}],
    },
    "volumes": {
        "description": "Settings of the volumes that the workload mounts, by name.",
        "type": "object",
        "additionalProperties": {
            "anyOf": [
                {"type": "null"},
                _object(
                    {
                        "size-gb": _number(MAX_SIZE_GB, "Size in GB; a volume never shrinks."),
                        "snapshot-retention": _number(MAX_RETENTION, "Days that snapshots are kept."),
                    },
                    minProperties=1,
                ),
            ]
        },
        "examples": [{"data": {"size-gb": 10}}],
    },
    "addresses": {
        "description": "IP addresses of the app, in the place of those that its ports need.",
        "type": "array",
        "items": {
            "anyOf": [
                {"enum": list(KINDS)},
                _text(r"\$\("),
                _object({"type": _text(f"^({'|'.join(KINDS)})$"), "region": _text("^[a-z]{3}$")}, required=["type"]),
            ]
        },
        "examples": [["v6", {"type": "v4", "region": "ams"}]],
    },
    "org": _text(r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$", "The organization of the workload's app."),
    "source": _SOURCE,
    "score-file": _text(_PATH, "The Score file, relative to the folder of the workload."),
    "score": {"description": "A fragment that is merged into the Score file.", "type": "object"},
    "fly": {
        "description": "A fragment that is merged into fly.toml.",
        "type": "object",
        "properties": {"app": False},
    },
    "add": {
        "description": "Files of the project that are added to the source: PATH IN THE SOURCE: FILE OF THE PROJECT.",
        "type": "object",
        "propertyNames": {"pattern": r"^(?!/)(?!.*\.\.).*[^./]"},
        "additionalProperties": _text(_PATH),
    },
    "app": _text(r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$", "The whole name of the Fly app."),
    "image": _text(description="The image of containers whose image is `.`."),
    "secrets": {"description": "Names of the secrets that the workload may read.", **_NAMES},
    "after": _AFTER,
    "suspended": {
        "description": "Why the workload is left as it is; false if it is not.",
        "anyOf": [{"const": False}, {"type": "string", "pattern": r"\S"}],
    },
    "deploy-args": {
        "description": "Additional flags for `flyctl deploy`.",
        "type": ["string", "array"],
        "items": {"type": "string", "pattern": r"^[^\u0000-\u001f]+$"},
    },
}


def workload_keys() -> dict[str, Schema]:
    """Return the schema of each key of a workload. A key without a schema here may have any value."""
    return {key: {"anyOf": [{"type": "null"}, _KEYS.get(key, {})]} for key in PARSERS}


def workloads_schema() -> Schema:
    """Return the schema of a `workloads` section."""
    return {
        "description": "Settings of single workloads, by workload name.",
        "type": ["object", "null"],
        "additionalProperties": {"$ref": "#/$defs/workload"},
    }


def workload_schema() -> Schema:
    """Return the schema of one workload, or of a layer that many workloads share."""
    return {"type": ["object", "null"], "additionalProperties": False, "properties": workload_keys()}


_LAYER: Schema = {"$ref": "#/$defs/workload"}
_TREE: Mapping[str, Schema] = {
    "project": _text(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$", "The name of the project."),
    "include": {
        "description": "Other projects: folders of this repository, or other repositories.",
        "type": "array",
        "items": {
            **_object(
                {
                    "path": {"type": "string", "pattern": r"^(?!/)[^\u0000]*\S"},
                    "source": {**_SOURCE, "required": ["repo"]},
                    "provisioners": {},
                    "secrets": _NAMES,
                }
            ),
            "oneOf": [{"required": ["path"]}, {"required": ["source"]}],
        },
    },
    "vars": {
        "description": "Variables that texts in this file name as $(name).",
        "type": "object",
        "propertyNames": {"pattern": r"^[A-Za-z_][\w.-]*$"},
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    },
    "defaults": {"description": "Settings of every workload that does not set them.", **_LAYER},
    "always": {"description": "Settings of every workload, whatever it sets.", **_LAYER},
    "after": _AFTER,
    "access": {
        "description": "Names of the secrets that hold the credentials for repositories, by host and path.",
        "type": "object",
        "propertyNames": {"pattern": r"^[\w.-]+(?::[0-9]+)?(?:/[\w.~+%-]+)*$"},
        "additionalProperties": _object(
            {
                "token": {"type": "string", "pattern": _SECRET},
                "username": {"type": "string", "pattern": r"\S"},
                "ssh-key": {"type": "string", "pattern": _SECRET},
                "known-hosts": {"type": "string", "pattern": r"\S"},
            },
            minProperties=1,
        ),
    },
}


def tree_schemas() -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the schemas of the keys of a tree: at the top, and below an environment."""
    schemas = {key: {"anyOf": [{"type": "null"}, _TREE.get(key, {})]} for key in TOP_KEYS}
    return schemas, {key: schemas[key] for key in ENVIRONMENT_KEYS}
