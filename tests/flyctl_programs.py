"""The flyctl that tests deploy through: the one that SCOREFLY_TEST_FLYCTL names, else a stand-in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import fork_server
from scorefly.rehearsal.server import Rehearsal
from workspaces import REPOSITORY

FLYCTL = os.environ.get("SCOREFLY_TEST_FLYCTL", "")
VERSION = '{"Name": "flyctl", "Version": "0.4.87"}'
CALLS = "flyctl-calls"  # a file with the working folder and the arguments of each call
STAND_IN = REPOSITORY / "tests/flyctl_standin.py"


def write_stand_in(program: Path, before: str = "") -> None:
    """Write the program: the stand-in, after a line of shell. It tells its version by itself, which each run asks."""
    version = f"[ \"$1\" = version ] && {{ printf '%s\\n' '{VERSION}'; exit; }}"
    _write(program, [before, version, fork_server.script("flyctl")])


def environment(folder: Path, fly: Rehearsal) -> dict[str, str]:
    """Everything a run needs to find that flyctl and the rehearsal; whatever else it calls is refused at once."""
    (folder / "bin").mkdir(exist_ok=True)
    program = folder / "bin" / "flyctl"
    record = f'printf "%s\\n" "$PWD $*" >>{folder / CALLS}'
    if FLYCTL:
        _write(program, [record, f'exec {FLYCTL} "$@"'])
    else:
        write_stand_in(program, record)
    bases = dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), fly.url)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return {
        **bases,
        "FLY_REGISTRY_HOST": fly.registry_host,
        "PATH": path,
        "FLY_API_TOKEN": "fo1_dummy",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }


def _write(program: Path, lines: Sequence[str]) -> None:
    program.write_text("\n".join(["#!/bin/bash", *lines]))
    program.chmod(0o755)
