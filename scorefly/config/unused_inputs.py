"""Inputs of the Action that its command does not use."""

from __future__ import annotations

from collections.abc import Mapping

from scorefly.config.options import BY_NAME
from scorefly.problems import Problem, option_place

# A command that ignored one of these would do what it was asked not to do.
_PROTECTIVE = ("dry-run", "rehearse")
_COMMON = ("github-token", "state-key", "fly-api-token")  # every job has them


def unused_inputs(command: str, inputs: Mapping[str, str]) -> list[Problem]:
    """Return a warning for each input that the command does not use: one workflow may call several commands.

    It is an error where the input should have kept the command from changing anything.
    """
    problems = []
    for name, value in inputs.items():
        option = BY_NAME[name]
        if not value or name in _COMMON or command in option.commands or value == option.default:
            continue
        protective = name in _PROTECTIVE and value.strip().lower() == "true"
        problems.append(
            Problem(
                f"the command {command} does not use {name}",
                f"remove the input; it is used by: {', '.join(option.commands)}",
                option_place(name),
                "error" if protective else "warning",
            )
        )
    return problems
