"""Tells whether the process that took a lock on this machine has ended."""

from __future__ import annotations

import os
from pathlib import Path


def identify_process() -> str:
    """Return what identifies this process on this machine, since it booted; empty where the system does not tell."""
    try:
        return f"{_machine()} {os.getpid()} {_start(os.getpid())}"
    except (OSError, IndexError):
        return ""


def has_ended(identity: str) -> bool:
    """Report whether a process of this machine has ended; False for one that another machine or container knows."""
    machine, pid, start = (*identity.rsplit(" ", 2), "", "")[:3]
    try:
        if not pid.isdecimal() or machine != _machine():
            return False
        os.kill(int(pid), 0)
        return _start(int(pid)) != start
    except ProcessLookupError:
        return True
    except (OSError, IndexError, OverflowError):
        return False  # another user's, or one that the system does not show


def _machine() -> str:
    """Return the boot of the machine, and the set of processes that this one sees."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def _start(pid: int) -> str:
    """Return when a process began, in ticks since the boot, because its id may be used again. Empty for a dead one."""
    # The name in parentheses may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]
