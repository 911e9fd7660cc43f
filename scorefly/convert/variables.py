"""`containers.*.variables`: plain ones become `[env]`, secret ones Fly secrets."""

from __future__ import annotations

from scorefly.convert.target import Conversion
from scorefly.fly.names import secret_name_problem
from scorefly.values import Secret


def convert_variables(conversion: Conversion) -> tuple[dict[str, str], dict[str, Secret]]:
    """The environment, and the secrets that Fly puts into it at start."""
    env: dict[str, str] = {}
    secrets: dict[str, Secret] = {}
    for name, value in conversion.values_of(conversion.container.variables).items():
        if isinstance(value, str):
            env[name] = value
        elif problem := secret_name_problem(name):
            place = conversion.place("variables", name)
            conversion.wrong(f"variable {name!r} is secret, and its name cannot be: {problem}", "rename it", place)
        else:
            secrets[name] = value
    return env, secrets
