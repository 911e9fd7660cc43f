"""The kinds of options: how a value of each is parsed, and its JSON Schema in `scorefly.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from scorefly.config.kind_schemas import (
    builds_schema,
    choice_schema,
    count_schema,
    duration_schema,
    flag_schema,
    images_schema,
    json_schema,
    lines_schema,
    pairs_schema,
    text_schema,
    words_schema,
)
from scorefly.config.option import Kind, Option
from scorefly.config.parse import (
    parse_builds,
    parse_choice,
    parse_count,
    parse_duration,
    parse_flag,
    parse_images,
    parse_json,
    parse_lines,
    parse_pairs,
    parse_text,
    parse_words,
)
from scorefly.problems import Place
from scorefly.values import Plain


class OptionKind(Struct, frozen=True):
    """One kind of option."""

    parse: Callable[[Option, Plain, Place], Any]
    schema: Callable[[Option], dict[str, Any]]


KINDS: Mapping[Kind, OptionKind] = {
    "text": OptionKind(parse_text, text_schema),
    "flag": OptionKind(parse_flag, flag_schema),
    "count": OptionKind(parse_count, count_schema),
    "duration": OptionKind(parse_duration, lambda _: duration_schema("null")),
    "lines": OptionKind(parse_lines, lines_schema),
    "words": OptionKind(parse_words, words_schema),
    "choice": OptionKind(parse_choice, choice_schema),
    "pairs": OptionKind(parse_pairs, pairs_schema),
    "json": OptionKind(parse_json, json_schema),
    "images": OptionKind(parse_images, images_schema),
    "builds": OptionKind(parse_builds, builds_schema),
    "optional_flag": OptionKind(parse_flag, flag_schema),
}


def parse(option: Option, value: Plain, place: Place) -> Any:
    """Return the typed value. Raises InputError at `place`; a message never quotes a private option's value."""
    return KINDS[option.kind].parse(option, value, place)
