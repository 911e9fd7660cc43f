"""Checks a document against the Score schema, and says in words what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from scorefly.problems import Problem, nearest
from scorefly.score.document import Document
from scorefly.score.verdict import Verdict, compile_pattern, compile_verdict


def check(document: Document) -> tuple[Problem, ...]:
    """Every place where the document breaks the schema."""
    if fits_score(document.data):
        return ()
    problems: dict[Problem, None] = {}
    for error in score_validator().iter_errors(document.data):
        for problem in _problems(document, error):
            problems[problem] = None
    return tuple(problems)


def fits_score(data: object) -> bool:
    """Decide whether data fits our schema, without importing jsonschema."""
    return _verdict()(data)


@lru_cache(maxsize=1)
def _verdict() -> Verdict:
    return compile_verdict(_schema())


@lru_cache(maxsize=1)
def score_validator() -> Any:
    """Make jsonschema's validator of our schema."""
    return strict_validator(_schema())


def _schema() -> Any:
    return json.loads((Path(__file__).parent / "score-v1b1.schema.json").read_text(encoding="utf-8"))


def strict_validator(schema: Mapping[str, Any]) -> Any:
    """A validator whose patterns mean what JSON Schema says: `$` is the very end, and digits are ASCII."""
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend

    def pattern(_validator: Any, expected: str, instance: object, _schema: object) -> Iterator[Any]:
        if isinstance(instance, str) and not _pattern(expected).search(instance):
            yield ValidationError(f"{instance!r} does not match {expected!r}")

    return extend(  # type: ignore[no-untyped-call]  # its stubs leave it out
        Draft202012Validator, {"pattern": pattern}
    )(schema)


_pattern = lru_cache(maxsize=256)(compile_pattern)


def _problems(document: Document, error: Any) -> Iterator[Problem]:
    path = tuple(error.absolute_path)
    keyword = error.validator
    where = _dotted(path) or "the document"
    if keyword == "additionalProperties":
        known = error.schema.get("properties", {})
        for key in sorted(set(error.instance) - set(known)):
            yield Problem(f"{where}: unknown key {key!r}", _nearest(key, known), document.places.at(*path, key))
        return
    if keyword == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        for key in missing:
            yield Problem(f"{where}: {key} is missing", "", document.places.at(*path))
        return
    message, hint = _words(error, path, where)
    named = (*path, error.instance) if _is_about_name(error) else path
    yield Problem(message, hint, document.places.at(*named))


def _is_about_name(error: Any) -> bool:
    return "propertyNames" in error.absolute_schema_path


def _words(error: Any, path: tuple[str | int, ...], where: str) -> tuple[str, str]:
    keyword, expected, instance = error.validator, error.validator_value, error.instance
    if _is_about_name(error):
        return f"{where}: {instance!r} is no valid name", _name_hint(where, str(instance))
    if keyword == "type":
        return f"{where} has to be {_article(expected)}, not {_kind(instance)}", _type_hint(expected, instance)
    if keyword == "enum":
        return f"{where} is {instance!r}", nearest(str(instance), [str(each) for each in expected], "it is one of:")
    if keyword == "pattern":
        hint = _PATTERN_HINTS.get(str(path[-1])) or _label_hint(str(instance))
        return f"{where}: invalid value {instance!r}", hint
    if keyword in ("minLength", "minProperties"):
        return f"{where} is {'empty' if not instance else 'too short'}", ""
    if keyword == "maxLength":
        return f"{where} has {len(instance)} characters, and {expected} are allowed", "shorten it"
    if keyword in ("minimum", "maximum"):
        return f"{where} is {instance}", "a port is a number from 1 to 65535"
    if keyword == "oneOf":
        return f"{where} needs one of content, source and binaryContent, and only one", ""
    if keyword == "anyOf":
        return f"{where} needs httpGet or exec", ""
    if error.schema is False:
        return f"{where} does not belong into a mapping of targets", "the target is the key already"
    return f"{where}: {error.message}", ""


_LABEL = "use lower-case letters, digits and `-`, 2 to 63 of them, no `-` at either end"
_PATTERN_HINTS = {
    "cpu": "write whole or fractional CPUs, such as 2, 0.5 or 250m",
    "memory": "write bytes with a unit, such as 128Mi or 1.5G",
    "mode": "write it in octal and quotes, such as '0644'",
    "type": "use letters, digits and `-`, 2 to 63 of them",
    "class": "use letters, digits and `-`, 2 to 63 of them",
}


def _name_hint(where: str, name: str) -> str:
    if where.endswith("annotations"):
        return "an annotation is a name, with a host name and `/` before it if you like"
    if where.endswith("variables"):
        return "a variable's name has no `=` and no control character, and is not empty"
    return _label_hint(name)


def _label_hint(name: str) -> str:
    suggestion = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")
    return f"{_LABEL}; {suggestion!r} would do" if 2 <= len(suggestion) <= 63 else _LABEL


def _nearest(key: str, known: Mapping[str, object]) -> str:
    lowered = {name.lower(): name for name in known}
    return nearest(lowered.get(key.lower(), key), known)


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(str(key).replace(".", "\\.") for key in path)


def _article(expected: str) -> str:
    return {
        "string": "a text",
        "integer": "a whole number",
        "boolean": "true or false",
        "object": "a mapping",
        "array": "a list",
    }.get(expected, expected)


def _kind(instance: object) -> str:
    if instance is None:
        return "nothing"
    if isinstance(instance, bool):
        return str(instance).lower()
    if isinstance(instance, int | float):
        return f"the number {instance}"
    words = {"str": "a text", "list": "a list", "dict": "a mapping"}
    return words.get(type(instance).__name__, "something else")


def _type_hint(expected: str, instance: object) -> str:
    if expected == "string" and isinstance(instance, int | float):
        return "put it in quotes"
    if expected == "integer" and isinstance(instance, str) and instance.isdecimal():
        return "take the quotes away"
    return ""
