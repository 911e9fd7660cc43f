"""Runs against a rehearsal that are killed when a certain call comes."""

from __future__ import annotations

import os
import signal
from fnmatch import fnmatchcase
from pathlib import Path

import fork_server
from flyctl_programs import write_stand_in
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

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
    write_stand_in(flyctl)
    bases = dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), fly.url)
    return {**bases, "PATH": f"{folder}:{os.environ['PATH']}", "FLY_API_TOKEN": "fo1_dummy"}


def killed(workspace: Workspace, fly: Rehearsal, given: dict[str, str], command: str, deadly: Deadly) -> None:
    """Runs a command that does not live to see its end."""

    def begin(process: int) -> None:
        deadly.process = process

    fly.requests = deadly
    ended = fork_server.run("cli", command.split(), cwd=workspace.path, environment=given, on_start=begin, timeout=60)
    assert ended.code == -signal.SIGKILL, list(deadly)
    fly.requests = []
