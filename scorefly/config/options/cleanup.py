"""Options of what is removed."""

from __future__ import annotations

from scorefly.config.option import Option
from scorefly.config.options.commands import PLANNING

CLEANUP_OPTIONS: tuple[Option, ...] = (
    Option(
        "unused-secrets",
        "choice",
        "Which unused secrets to remove from Fly: managed (set by scorefly), all or keep.",
        "managed",
        choices=("managed", "all", "keep"),
        group="Cleanup",
        commands=(*PLANNING, "cleanup", "remove-unused-secrets"),
    ),
    Option(
        "keep-secrets",
        "lines",
        "Globs of secret names that are never removed.",
        group="Cleanup",
        commands=(*PLANNING, "cleanup", "remove-unused-secrets"),
    ),
    Option(
        "preview-ttl",
        "duration",
        "Destroy previews that were idle for longer than this, e.g. 14d.",
        group="Cleanup",
        commands=("cleanup",),
    ),
    Option(
        "cleanup",
        "words",
        "Which parts cleanup does.",
        "secrets,previews,resources",
        choices=("secrets", "previews", "resources", "volumes"),
        group="Cleanup",
        commands=("cleanup",),
    ),
)
