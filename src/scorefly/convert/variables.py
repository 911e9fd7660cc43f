"""`containers.*.variables`: plain ones become `[env]`, secret ones Fly secrets."""

from __future__ import annotations

from scorefly.convert.target import Conversion
from scorefly.fly.names import secret_name_problem
from scorefly.values import Secret


def convert_variables(conversion: Conversion) -> tuple[dict[str, str], dict[str, Secret]]:
    """The environment, and the secrets that Fly puts into it at start."""
    env: dict[str, str] = {}
    secrets: dict[str, Secret] = {}
    for name, text in conversion.container.variables.items():
        place = conversion.place("variables", name)
        value = conversion.substitute(text, place)
        if value is None:
            continue
        if "\0" in name or "\0" in (value if isinstance(value, str) else str(value.value)):
            conversion.wrong(f"variable {name!r} has a NUL character, which no environment can hold", "", place)
            continue
        if name.startswith("FLY_"):
            conversion.warn(f"variable {name}: Fly sets FLY_ variables itself", "choose another name", place)
        if isinstance(value, str):
            env[name] = value
        elif problem := secret_name_problem(name):
            conversion.wrong(f"variable {name!r} is secret, and its name cannot be: {problem}", "rename it", place)
        else:
            secrets[name] = value
    return env, secrets
