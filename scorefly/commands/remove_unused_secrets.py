"""`remove-unused-secrets`: the secrets part of `cleanup`."""

from __future__ import annotations

from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.deployment.environment_cleanup import cleanup
from scorefly.report.progress import Progress
from scorefly.report.report import Report
from scorefly.state.keeper import Keeper


def remove_unused_secrets(settings: Settings, keeper: Keeper, progress: Progress) -> Report:
    """Remove secrets by `unused-secrets` and `keep-secrets` from the apps of the Score files, and of them alone."""
    return cleanup(replace(settings, cleanup=("secrets",)), keeper, progress, fails_on_foreign_apps=True)
