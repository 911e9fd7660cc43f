"""The shape of an option: its name, type, default, and the places that can set it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal[
    "text",
    "flag",
    "count",
    "duration",
    "lines",
    "pairs",
    "json",
    "images",
    "builds",
    "choice",
    "words",
    "optional_flag",
]

Group = Literal["Input", "Environment", "Fly", "State", "GitHub", "Cleanup", "Output", "Run"]


class Option(Struct, frozen=True):
    """One option or input.

    `default` is the text the contract's table shows and what is used when no value is given; `cli_default`
    differs only where the contract says so. `variables` are environment variables that may give it, beside
    SCOREFLY_<NAME>. A `private` one cannot be set in `scorefly.yaml`. `group` is its heading in help texts, and
    `flags` are its other names on the command line.
    """

    name: str
    kind: Kind
    help: str
    default: str = ""
    cli_default: str | None = None
    variables: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    private: bool = False
    group: Group = "Run"
    flags: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        """Its name in Settings."""
        return self.name.replace("-", "_")

    @property
    def all_variables(self) -> tuple[str, ...]:
        """The environment variables asked, in order."""
        return (f"SCOREFLY_{self.field.upper()}", *self.variables)
