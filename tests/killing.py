"""Runs against a rehearsal that are killed when a certain call comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

from scorefly.rehearsal.server import Rehearsal
from workspaces import REPOSITORY, Workspace

Call = tuple[str, str]


class Deadly(list[Call]):
    """A list of calls that kills a process when the last of them comes; Fly still does what it was asked to.

    The path may have wildcards.
    """

    def __init__(self, method: str, path: str, times: int = 1) -> None:
        super().__init__()
        self.deadly, self.times, self.process = (method, path), times, 0

    def append(self, call: Call) -> None:
        super().append(call)
        if call[0] == self.deadly[0] and fnmatchcase(call[1], self.deadly[1]):
            self.times -= 1
            if self.times == 0:
                os.kill(self.process, signal.SIGKILL)


def environment(folder: Path, fly: Rehearsal) -> dict[str, str]:
    folder.mkdir()
    flyctl = folder / "flyctl"
    flyctl.write_text(f'#!/bin/sh\nexec {sys.executable} {REPOSITORY / "tests/flyctl_standin.py"} "$@"\n')
    flyctl.chmod(0o755)
    bases = dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), fly.url)
    return {**bases, "PATH": f"{folder}:{os.environ['PATH']}", "FLY_API_TOKEN": "fo1_dummy"}


def killed(workspace: Workspace, fly: Rehearsal, given: dict[str, str], command: str, deadly: Deadly) -> None:
    """Runs a command that does not live to see its end."""
    arguments = [sys.executable, "-m", "scorefly", *command.split()]
    fly.requests = deadly
    with subprocess.Popen(arguments, cwd=workspace.path, env=given, stderr=subprocess.DEVNULL) as process:
        deadly.process = process.pid
        process.wait(timeout=60)
    assert process.returncode == -signal.SIGKILL, list(deadly)
    fly.requests = []
