"""`containers.*.command` and `args`: the image's entrypoint and command, overridden."""

from __future__ import annotations

import re
from typing import Any

from scorefly.convert.target import Conversion

_KUBERNETES = re.compile(r"(?<!\$)\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


def convert_command(conversion: Conversion) -> dict[str, Any]:
    """The `[experimental]` table, which is where fly.toml takes argument lists as they are."""
    check_words(conversion)
    container = conversion.container
    found = {"entrypoint": container.command, "cmd": container.args}
    return {key: list(words) for key, words in found.items() if words}


def check_words(conversion: Conversion) -> None:
    """Warns of words that other implementations replace."""
    container = conversion.container
    for key, words in (("command", container.command), ("args", container.args)):
        for index, word in enumerate(words or ()):
            _look_for_expansions(conversion, key, index, word)


def _look_for_expansions(conversion: Conversion, key: str, index: int, word: str) -> None:
    """Words that mean something elsewhere, and on Fly reach the program as they stand."""
    place = conversion.place(key, index)
    names = [name for name in _KUBERNETES.findall(word) if name in conversion.container.variables]
    if names:
        conversion.warn(
            f"$({names[0]}) is expanded by Kubernetes only: the program gets these characters",
            f'let a shell expand it: command [sh, -c], args ["… ${names[0]} …"]',
            place,
        )
    elif "${resources." in word or "${metadata." in word or "$${" in word:
        conversion.warn(
            f"Score has no placeholders in {key}: the program gets {word!r} as it stands",
            "put the value into a variable",
            place,
        )
