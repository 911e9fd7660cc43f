"""Ends the processes that a killed listener left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PATIENCE = 10.0  # seconds that a run gets to save its state


def process_started(pid: int) -> int:
    """Return when a process started, in ticks since boot, because its pid may be used again; 0 when there is none."""
    try:
        # The name in parentheses may hold spaces.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return 0 if fields[0] == "Z" else int(fields[19])
    except (OSError, IndexError, ValueError):
        return 0


def end_processes(processes: Iterable[tuple[int, int]], patience: float = PATIENCE) -> None:
    """Ask processes to end, each a pid and its start, with their groups; kill those that do not."""
    living = [each for each in processes if each[1] and process_started(each[0]) == each[1]]
    _send(living, signal.SIGTERM)
    end = time.monotonic() + patience
    while living and time.monotonic() < end:
        time.sleep(0.05)
        living = [each for each in living if process_started(each[0]) == each[1]]
    _send(living, signal.SIGKILL)


def _send(processes: Iterable[tuple[int, int]], number: int) -> None:
    for pid, _ in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
