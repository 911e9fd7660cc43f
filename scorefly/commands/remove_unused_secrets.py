"""`remove-unused-secrets`: the secrets part of `cleanup`."""

from __future__ import annotations

from scorefly.deployment.environment_cleanup import cleanup
from scorefly.report.report import Report
from scorefly.run import Run


def remove_unused_secrets(run: Run) -> Report:
    """Remove secrets by `unused-secrets` and `keep-secrets` from the apps of the Score files, and of them alone."""
    return cleanup(run.with_settings(cleanup=("secrets",)), fails_on_foreign_apps=True)
