"""Compares requests and answers with GitHub's published description of its API, the npm package @octokit/openapi."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

PACKAGES = Path(__file__).parent / "node/node_modules/@octokit"
DESCRIPTION = PACKAGES / "openapi/generated/api.github.com.json"
PREFIXES = ("/repos/{owner}/{repo}/", "/user")

Json = dict[str, Any]


@dataclass(frozen=True)
class Exchange:
    """One request and its answer; the answer is None where a test made it up."""

    method: str
    path: str
    query: Json
    body: Any
    status: int
    answer: Any = None


@dataclass(frozen=True)
class Description:
    """Operations by method and path pattern, and the schemas they refer to."""

    operations: dict[tuple[str, str], Json]
    components: Json

    def operation(self, method: str, path: str) -> Json | None:
        # `{ref}` may hold slashes; a pattern without parameters comes first.
        for (verb, pattern), operation in sorted(self.operations.items(), key=lambda each: each[0][1].count("{")):
            parts = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(pattern)).replace(
                "(?P<ref>[^/]+)", "(?P<ref>.+)"
            )
            if verb == method and re.fullmatch(parts, path):
                return operation
        return None

    def resolve(self, tree: Json) -> Json:
        while "$ref" in tree:
            found: Any = {"components": self.components}
            for key in tree["$ref"].removeprefix("#/").split("/"):
                found = found[key]
            tree = found
        return tree


@lru_cache(maxsize=1)
def description() -> Description | None:
    """The part of the description about repositories, or None where the package is not installed."""
    if not DESCRIPTION.exists():
        return None
    whole = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    operations = {
        (method.upper(), path): operation
        for path, methods in whole["paths"].items()
        if path.startswith(PREFIXES)
        for method, operation in methods.items()
    }
    return Description(operations, whole["components"])


def problems(exchanges: Iterable[Exchange]) -> list[str]:
    """Return how requests and answers differ from the description: nothing where it is not installed."""
    found = description()
    if found is None:
        return []
    return [f"{each.method} {each.path}: {problem}" for each in exchanges for problem in _problems(found, each)]


def _problems(described: Description, exchange: Exchange) -> Iterator[str]:
    if exchange.path == "/graphql":
        return
    operation = described.operation(exchange.method, exchange.path)
    if operation is None:
        yield "no such operation"
        return
    parameters = [described.resolve(each) for each in operation.get("parameters", ())]
    for name in exchange.query.keys() - {each["name"] for each in parameters if each["in"] == "query"}:
        yield f"no such query parameter {name!r}"
    content = operation.get("requestBody", {}).get("content", {})
    if exchange.body is not None and not content:
        yield "it takes no body"
    elif exchange.body is not None:
        yield from _errors(described, _schema_of(content), exchange.body, whole=True)
    response = operation["responses"].get(str(exchange.status))
    if exchange.answer is None:
        return
    if response is None:
        yield from () if exchange.status in (400, 401, 403, 404) else (f"it does not answer {exchange.status}",)
        return
    if schema := _schema_of(described.resolve(response).get("content", {})):
        yield from _errors(described, schema, exchange.answer, whole=False)


def _schema_of(content: Json) -> Json:
    schema: Json = content.get("application/json", {}).get("schema", {})
    return schema


def _errors(described: Description, schema: Json, data: Any, *, whole: bool) -> Iterator[str]:
    """Errors of a request, which is whole, or of an answer, of which the stand-in leaves much out."""
    validator = Draft202012Validator(_strict(described, schema, whole, 0))
    for error in validator.iter_errors(data):
        if list(error.absolute_path)[-2:] == ["head", "repo"] and error.instance is None:
            continue  # the description leaves out that a deleted fork is null
        yield f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"


_DEPTH = 6  # of the answers; below it anything goes


def _strict(described: Description, schema: Json, whole: bool, depth: int) -> Json:
    """The schema in today's dialect: only described properties; of a part of an answer, none is required."""
    schema = described.resolve(schema)
    if depth > _DEPTH:
        return {}
    kept: Json = {key: schema[key] for key in ("type", "enum", "maxLength", "pattern") if key in schema}
    if whole and "required" in schema:
        kept["required"] = schema["required"]
    if "properties" in schema:
        kept["properties"] = {
            name: _strict(described, each, whole, depth + 1) for name, each in schema["properties"].items()
        }
        kept["additionalProperties"] = bool(schema.get("additionalProperties", False))
    if "items" in schema:
        kept["items"] = _strict(described, schema["items"], whole, depth + 1)
    for key in ("oneOf", "anyOf"):
        if key in schema and "properties" not in schema:
            kept["anyOf"] = [_strict(described, each, whole, depth + 1) for each in schema[key]]
    for part in schema.get("allOf", ()):
        kept |= _strict(described, part, whole, depth + 1)
    return {"anyOf": [kept, {"type": "null"}]} if schema.get("nullable") else kept
