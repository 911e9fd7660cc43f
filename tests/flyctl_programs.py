"""The flyctl that tests deploy through: the one that SCOREFLY_TEST_FLYCTL names, else a stand-in."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import fork_server
from scorefly.rehearsal.server import Rehearsal
from workspaces import REPOSITORY

FLYCTL = os.environ.get("SCOREFLY_TEST_FLYCTL", "")
CALLS = "flyctl-calls"  # a file with the working folder and the arguments of each call
STAND_IN = REPOSITORY / "tests/flyctl_standin.py"


def stand_in() -> str:
    """Return the shell command of the stand-in."""
    return shlex.join(fork_server.command("flyctl"))


def environment(folder: Path, fly: Rehearsal) -> dict[str, str]:
    """Everything a run needs to find that flyctl and the rehearsal; whatever else it calls is refused at once."""
    (folder / "bin").mkdir(exist_ok=True)
    program = folder / "bin" / "flyctl"
    calls = folder / CALLS
    record = f'printf "%s\\n" "$PWD $*" >>{calls}'
    program.write_text(f'#!/bin/sh\n{record}\nexec {FLYCTL or stand_in()} "$@"\n')
    program.chmod(0o755)
    bases = dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), fly.url)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return {
        **bases,
        "FLY_REGISTRY_HOST": fly.registry_host,
        "PATH": path,
        "FLY_API_TOKEN": "fo1_dummy",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
