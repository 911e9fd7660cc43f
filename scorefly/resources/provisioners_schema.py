"""The JSON Schema of `*.provisioners.yaml`, made from the tables that validate them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorefly.resources.entries import COMMON_KEYS, SCHEME_KEYS
from scorefly.resources.http import HEADER

Schema = dict[str, Any]

_TYPES: Mapping[type, str] = {str: "string", list: "array", dict: "object", int: "integer", bool: "boolean"}
_TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
_VALUES: Schema = {"type": ["string", "number"]}
_DESCRIPTIONS: Mapping[str, str] = {
    "uri": "How the resource is provisioned: its scheme; and, for cmd and https, the program or the address.",
    "type": "The resource type that this entry provisions.",
    "class": "Only resources of this class. Without it: of every class.",
    "id": "Only the resource with this id.",
    "description": "What the entry provisions, for `scorefly provisioners list`.",
    "supported_params": "The params that the entry reads. A Score file that sets others gets a warning.",
    "expected_outputs": "The outputs that there are. One that is missing is an error.",
    "outputs": "What Score files read with ${resources.NAME.OUTPUT}.",
    "secrets": "Outputs that are secret.",
    "refuse": "A template. What it gives, unless empty, is the reason not to provision the resource.",
    "warn": "A template. What it gives, unless empty, is a warning.",
    "state": "What the resource keeps between runs.",
    "shared": "What all resources of the environment keep between runs.",
    "apps": "Fly apps that the resource needs, each a fly.toml as YAML.",
    "args": "Arguments of the program.",
    "env": "Environment variables of the program.",
    "headers": "Headers of the request.",
    "timeout": "How long a call may take, e.g. 90s or 5m.",
    "plan": "Whether `scorefly plan` may call it.",
    "rehearse": "Whether a simulated run may call it.",
    "insecure": "Allows http:// to another machine.",
}
# What a value has to be beside its type.
_RULES: Mapping[str, Schema] = {
    "supported_params": _TEXTS,
    "expected_outputs": _TEXTS,
    "args": {"type": "array", "items": {"type": "string", "pattern": r"^[^\u0000]*$"}},
    "env": {
        "type": "object",
        "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
        "additionalProperties": _VALUES,
    },
    "headers": {
        "type": "object",
        "propertyNames": {"pattern": f"^{HEADER.pattern}$"},
        "additionalProperties": _VALUES,
    },
}


def provisioners_schema(dialect: str, location: str, duration: Schema) -> Schema:
    """Return the schema: a list of entries, whose keys depend on the scheme of their uri."""
    schemes = "|".join(SCHEME_KEYS)
    common = {key: _key(key, (kind,), duration) for key, kind in COMMON_KEYS.items()}
    common["uri"] |= {"pattern": f"^(?:{schemes})://"}
    return {
        "$schema": dialect,
        "$id": f"{location}/provisioners.schema.json",
        "title": "*.provisioners.yaml",
        "description": "Provisioners of scorefly: the first entry that matches a resource provisions it.",
        "type": ["array", "null"],  # a file of comments alone is null
        "items": {
            "type": "object",
            "required": ["uri", "type"],
            "properties": common,
            "allOf": [
                {
                    "if": {"required": ["uri"], "properties": {"uri": {"pattern": f"^{scheme}://"}}},
                    "then": {
                        "additionalProperties": False,
                        "properties": {
                            **dict.fromkeys(common, True),
                            **{key: _key(key, kinds, duration) for key, kinds in keys.items()},
                        },
                    },
                }
                for scheme, keys in SCHEME_KEYS.items()
            ],
        },
    }


def _key(key: str, kinds: tuple[type, ...], duration: Schema) -> Schema:
    types = [_TYPES[kind] for kind in kinds]
    rule = duration if key == "timeout" else _RULES.get(key, {"type": types[0] if len(types) == 1 else types})
    return {"description": _DESCRIPTIONS[key], **rule}
