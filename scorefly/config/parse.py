"""Parsers of the kinds of options: from the text of an input or the data of `scorefly.yaml` to a typed value.

Each raises InputError at the place of the value.
"""

from __future__ import annotations

import json
import re

from msgspec.structs import replace

from scorefly import durations
from scorefly.config.option import Option
from scorefly.config.settings import Images
from scorefly.convert.build_spec import BuildSpec, parse_build
from scorefly.problems import InputError, Place, Problem, nearest
from scorefly.values import Plain

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _wrong(option: Option, message: str, hint: str, place: Place) -> InputError:
    return InputError(Problem(f"{option.name} {message}", hint, place))


def parse_text(option: Option, value: Plain, place: Place) -> str:
    """Parse a string."""
    if isinstance(value, bool | dict | list) or value is None:
        raise _wrong(option, "has to be a text", "", place)
    return str(value).strip()


def parse_flag(option: Option, value: Plain, place: Place) -> bool:
    """Parse true or false."""
    text = str(value).strip().lower() if isinstance(value, bool | str) else ""
    if text not in ("true", "false"):
        raise _wrong(option, f"is {_shown(option, value)}", "say true or false", place)
    return text == "true"


def parse_count(option: Option, value: Plain, place: Place) -> int:
    """Parse a whole number from 1 to 256."""
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= 256:
        raise _wrong(option, f"is {_shown(option, value)}", "give a whole number from 1 to 256", place)
    return int(text)


def parse_duration(option: Option, value: Plain, place: Place) -> float:
    """Parse a duration, such as 90s, to seconds."""
    seconds = durations.parse_duration(value)
    if seconds is None:
        raise _wrong(option, f"is {_shown(option, value)}", "give a duration such as 90s, 5m or 14d", place)
    return seconds


def parse_lines(option: Option, value: Plain, place: Place) -> tuple[str, ...]:
    """Parse the lines of one string or of several: an option that is given twice, or a list in a file."""
    texts = value if isinstance(value, list) else [value]
    return tuple(
        line.strip() for text in texts for line in parse_text(option, text, place).splitlines() if line.strip()
    )


def parse_words(option: Option, value: Plain, place: Place) -> tuple[str, ...]:
    """Parse words from the option's choices."""
    words = tuple(
        word.strip() for line in parse_lines(option, value, place) for word in line.split(",") if word.strip()
    )
    for word in words:
        parse_choice(option, word, place)
    return words


def parse_choice(option: Option, value: Plain, place: Place) -> str:
    """Parse one of the option's choices."""
    text = parse_text(option, value, place)
    if text not in option.choices:
        hint = nearest(text, option.choices)
        raise _wrong(option, f"is {_shown(option, value)}", hint, place)
    return text


def parse_pairs(option: Option, value: Plain, place: Place) -> dict[str, str]:
    """Parse NAME=VALUE lines, or a mapping."""
    if isinstance(value, dict):
        pairs = {name: _scalar(option, each, place) for name, each in value.items()}
    else:
        pairs = {}
        for number, line in enumerate(parse_lines(option, value, place), start=1):
            name, separator, text = line.partition("=")
            if not separator:
                raise _wrong(option, f"line {number} has no `=`", "write NAME=VALUE", place)
            pairs[name.strip()] = text
    for name in pairs:
        if not _NAME.fullmatch(name):
            # In a private option what comes before a `=` may be part of a value.
            shown = "an invalid name" if option.private else repr(name)
            hint = "a name has letters, digits and _, and does not begin with a digit"
            raise _wrong(option, f"names {shown}", hint, place)
    return pairs


# By whether the values are secret.
_JSON_HINTS = {
    True: (
        'pass a JSON object, e.g. \'{"API_KEY": "…"}\'; in a workflow {"API_KEY": ${{ toJSON(secrets.API_KEY) }}}; '
        "elsewhere the variable SCOREFLY_SECRETS keeps it out of the process list"
    ),
    False: (
        'pass a JSON object, e.g. \'{"FOO": "bar"}\'; in a workflow ${{ toJSON(vars) }}; '
        "elsewhere SCOREFLY_VAR_FOO=bar sets one variable"
    ),
}


def parse_json(option: Option, value: Plain, place: Place) -> dict[str, str]:
    """Parse a JSON object of strings."""
    hint = _JSON_HINTS[option.private]
    if isinstance(value, str):
        try:
            # Only our own words are shown: the text may be a secret from the first character on.
            value = json.loads(value)
        except json.JSONDecodeError as error:
            at = f"line {error.lineno}, column {error.colno}"
            raise _wrong(option, f"is not JSON: {error.msg} at {at}", hint, place) from None
        except RecursionError:
            raise _wrong(option, "is nested too deeply", hint, place) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(option, "is no JSON object", hint, place)
    # `toJSON` writes null for a secret or variable that is not set.
    value = {name: each for name, each in value.items() if each is not None}
    for name, each in value.items():
        if not isinstance(each, str):
            shown = name if _NAME.fullmatch(name) else "an entry"
            raise _wrong(option, f"gives {shown} a value that is no text", "every value is a text in quotes", place)
        try:
            f"{name}{each}".encode()
        except UnicodeEncodeError:
            # JSON can write half of a UTF-16 pair; nothing that takes text can take that.
            hint = "write the character itself, or both halves of it"
            shown = repr(name) if _NAME.fullmatch(name) else "an entry"
            raise _wrong(option, f"gives {shown} a value with half a character", hint, place) from None
    return {name: str(each) for name, each in value.items()}


def parse_images(option: Option, value: Plain, place: Place) -> Images:
    """Parse images: one for all containers, or one per workload or container."""
    if isinstance(value, dict):
        return Images(by_name={name: _scalar(option, each, place) for name, each in value.items()})
    default, by_name = "", {}
    for line in parse_lines(option, value, place):
        name, separator, reference = line.partition("=")
        if not separator:
            if default:
                raise _wrong(option, "gives two references for all", "write workload=ref for one of them", place)
            default = line
        elif not reference.strip() or not name.strip():
            raise _wrong(option, f"has the line {line!r}", "write workload=ref or workload.container=ref", place)
        else:
            by_name[name.strip()] = reference.strip()
    return Images(default, by_name)


def parse_builds(option: Option, value: Plain, place: Place) -> dict[str, BuildSpec]:
    """Parse lines `[WORKLOAD.]CONTAINER=PATH` or `=JSON`."""
    builds: dict[str, BuildSpec] = {}
    problems: list[Problem] = []
    for line in parse_lines(option, value, place):
        name, _, text = (part.strip() for part in line.partition("="))
        if not name or not text:
            raise _wrong(option, f"has the line {line!r}", "write CONTAINER=PATH, or CONTAINER=JSON", place)
        try:
            data: Plain = json.loads(text) if text.startswith("{") else text
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "it is nested too deeply"
            hint = f'write {name}={{"context": ".", "dockerfile": "Dockerfile"}} in one line'
            raise _wrong(option, f"{name}: invalid JSON: {reason}", hint, place) from None
        try:
            builds[name] = parse_build(data, place, lambda _: place)
        except InputError as error:
            problems += [replace(each, message=f"{name}: {each.message}") for each in error.problems]
    if problems:
        raise InputError(*problems)
    return builds


def _scalar(option: Option, value: Plain, place: Place) -> str:
    if isinstance(value, dict | list | bool) or value is None:
        raise _wrong(option, "has a value that is no text", "put it in quotes", place)
    return str(value)


def _shown(option: Option, value: Plain) -> str:
    return "not one of them" if option.private else repr(value)
