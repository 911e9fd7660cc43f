"""Options of state: where it is stored, its keys and its lock."""

from __future__ import annotations

from scorefly.config.option import Option
from scorefly.config.options.commands import CONVERTING, PLANNING, REMOVING, STATE, STATEFUL, UPGRADE

STATE_OPTIONS: tuple[Option, ...] = (
    Option(
        "state",
        "text",
        "Where state is stored: git, file or file:PATH.",
        "git",
        cli_default="file",
        group="State",
        commands=STATEFUL,
    ),
    Option(
        "state-key",
        "text",
        "Fernet keys that encrypt the state, one per line. The first one encrypts.",
        variables=(),
        private=True,
        group="State",
        commands=STATEFUL,
    ),
    Option(
        "new-state",
        "flag",
        "Start with new state although apps of this environment run. Databases get new passwords.",
        "false",
        private=True,
        group="State",
        commands=(*PLANNING, "cleanup", "destroy", "remove-unused-secrets", UPGRADE),
    ),
    Option(
        "lock-timeout",
        "duration",
        "How long to wait for another run of the same environment, e.g. 90s or 5m.",
        "5m",
        group="State",
        commands=(*CONVERTING, *REMOVING, *STATE[2:], "rollback"),
    ),
)
