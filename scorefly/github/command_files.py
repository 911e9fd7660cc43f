"""The runner's command files: environment, path, state, outputs and summary of the step."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

_NAMES = ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")


class CommandFiles:
    """A snapshot of the runner's files, taken before any program of the workspace has run.

    A program is not told where they are, but can find them: what it writes there would become variables and outputs.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        paths = [Path(environ[name]) for name in _NAMES if environ.get(name)]
        self._contents = {path: path.read_bytes() for path in paths if _is_file(path)}

    def restore(self) -> None:
        """Put back what was there. Raises OSError."""
        for path, content in self._contents.items():
            if not _is_file(path):
                path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            with open(descriptor, "r+b") as file:  # noqa: PTH123 - opened without following links
                if file.read(len(content) + 1) != content:
                    file.seek(0)
                    file.write(content)
                    file.truncate()


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
