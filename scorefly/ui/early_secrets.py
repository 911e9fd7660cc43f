"""Secrets in what a run is given, before it is looked at more closely: even its errors must not show them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from scorefly.config.options import BY_NAME
from scorefly.confined import read_file
from scorefly.problems import ScoreflyError, option_place
from scorefly.ui.redaction import url_passwords

_TOKENS = ("fly-api-token", "github-token", "state-key")
_NAMES = (*_TOKENS, "secrets", "build-secrets")
_SCHEMES = ("FlyV1", "Bearer")
_ORG_TOKENS = "FLY_API_TOKEN_"  # with the organization's name
_MORE_VARIABLES = ("FLY_ACCESS_TOKEN", "GH_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")


def early_secrets(given: Mapping[str, str | Sequence[str]], environ: Mapping[str, str]) -> list[str]:
    """Return what is secret in options, by name, and in environment variables. Malformed values count too."""
    found = [environ[name] for name in _MORE_VARIABLES if environ.get(name)]
    found += [value for name, value in environ.items() if name.startswith(_ORG_TOKENS) and value]
    for words in given.values():
        found += [each for word in ([words] if isinstance(words, str) else words) for each in url_passwords(word)]
    for name in _NAMES:
        values = [environ.get(variable, "") for variable in BY_NAME[name].all_variables]
        option = given.get(name, ())
        values += [option] if isinstance(option, str) else option
        for value in values:
            found += _texts(name, value)
    return [text for text in dict.fromkeys(found) if text]


def tokens_in(given: Mapping[str, str]) -> list[str]:
    """Return scorefly's own tokens and keys among the inputs."""
    return [line for name in _TOKENS for line in given.get(name, "").splitlines()]


def options_in(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of secret options on a command line, as far as they can be told before it is parsed.

    Under the empty name is every word of it.
    """
    found: dict[str, list[str]] = {"": list(arguments)}
    for index, argument in enumerate(arguments):
        name, separator, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or name not in _NAMES:
            continue
        words = ([value] if separator else []) + [*arguments[index + 1 :], ""]
        count = 2 if words[0] in _SCHEMES else 1
        if name == "secrets" and not _is_json(words[0]):
            # Without quotes a shell makes several words of it, which the command line refuses.
            count = next((at for at, word in enumerate(words) if word.startswith("--")), len(words))
        found.setdefault(name, []).extend(words[:count])
    return found


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def secrets_in_project_file(
    given: Mapping[str, str | Sequence[str]], environ: Mapping[str, str], folder: Path
) -> list[str]:
    """Return what follows the names of secret options in the project file, which refuses them."""
    named = given.get("config") or environ.get("SCOREFLY_CONFIG") or BY_NAME["config"].default
    names = "|".join(_NAMES)
    try:
        text = read_file(folder, str(named), option_place("config")).decode(errors="replace")
    except ScoreflyError:
        return []  # reading it again is an error that is shown
    return [value.strip("\"' ") for value in re.findall(rf"\b(?:{names})[\"']?\s*:[ \t]*(\S.*)", text)]


def _texts(name: str, value: str) -> Iterator[str]:
    if name == "secrets":
        try:
            data = json.loads(value or "{}")
        except (ValueError, RecursionError):
            yield value
            yield from re.findall(r'"([^"\\]*)"\s*[,}]?', value)
            return
        yield from (str(each) for each in data.values()) if isinstance(data, dict) else [value]
    elif name == "build-secrets":
        for line in value.splitlines():
            yield line.partition("=")[2] or line
    else:
        yield from value.splitlines()
