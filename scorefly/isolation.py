"""Isolation of secrets from programs of the same user: in our memory, our environment and our children's."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from scorefly import interruption

if TYPE_CHECKING:
    import subprocess

_SET_DUMPABLE, _SET_CHILD_SUBREAPER = 4, 36  # <linux/prctl.h>

# What libraries read of the process's own environment. Everything else is in our copy of it only.
_KEPT = re.compile(
    r"PATH|HOME|USER|USERNAME|LOGNAME|LNAME|LANG|LANGUAGE|LC_\w+|TZ|TZDIR|TMPDIR|TEMP|TMP|TERM|COLUMNS|LINES|NO_COLOR"
    r"|FORCE_COLOR|(?:HTTPS?|ALL|NO)_PROXY|(?:https?|all|no)_proxy|(?:REQUESTS|CURL)_CA_BUNDLE|SSL_CERT_(?:FILE|DIR)"
    r"|OPENSSL_\w+|PYTHON\w+|COV\w+|LD_LIBRARY_PATH|_SCOREFLY_COMPLETE|COMP_\w+"
)

_lock = threading.Condition()
_running: set[int] = set()
_protected = False


class _Guest:
    """The untrusted program that runs, if any. It runs as the same user as others whose environment holds secrets."""

    pid = 0
    others = 0  # trusted programs that run
    before: ClassVar[set[int]] = set()
    stopped: ClassVar[set[int]] = set()


def take_environment() -> dict[str, str]:
    """Return a copy of the environment, and keep of the process's own only what libraries read.

    Values are overwritten where they are, so `/proc/<pid>/environ` does not show them either.
    """
    copy = dict(os.environ)
    forgotten = [name for name in copy if not _KEPT.fullmatch(name)]
    if forgotten and os.name == "posix":
        import ctypes

        libc = ctypes.CDLL(None)
        libc.getenv.restype = ctypes.c_void_p
        for name in forgotten:
            if address := libc.getenv(os.fsencode(name)):
                ctypes.memset(address, 0, len(os.fsencode(copy[name])))
    for name in forgotten:
        os.environ.pop(name, None)
    return copy


def protect() -> None:
    """Keep our memory, environment and open files from programs of the same user, and adopt orphans of children.

    Only a process with CAP_SYS_PTRACE can read them then; root in a container with default capabilities cannot.
    """
    global _protected  # noqa: PLW0603 - a property of the process
    if _protected or sys.platform != "linux":
        return
    import ctypes

    libc = ctypes.CDLL(None)
    libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _protected = True


def start(popen: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Start a program. An untrusted one is stopped until it has ended."""
    with _lock:
        _Guest.others += 1
        if _Guest.pid:
            _stop_guest()
        try:
            process = popen()
        except BaseException:
            finish(0, untrusted=False)
            raise
        _running.add(process.pid)
    return process


def start_untrusted(
    popen: Callable[[], subprocess.Popen[bytes]], stop: Callable[[], bool]
) -> subprocess.Popen[bytes] | None:
    """Start an untrusted program when no other runs, or None when the run has to end before that."""
    with _lock:
        while _Guest.pid or _Guest.others:
            if stop():
                return None
            _lock.wait(interruption.WAKE)
        _Guest.before = _children()
        process = popen()
        _running.add(process.pid)
        _Guest.pid = process.pid
    return process


def finish(pid: int, *, untrusted: bool) -> None:
    """Forget a program that has ended, and let an untrusted one go on that stood still for it."""
    with _lock:
        _running.discard(pid)
        if untrusted:
            _Guest.pid = 0
            _Guest.stopped.clear()
        else:
            _Guest.others -= 1
            if not _Guest.others:
                for stopped in _Guest.stopped:
                    _send(stopped, signal.SIGCONT)
                _Guest.stopped.clear()
        _lock.notify_all()


def _stop_guest() -> None:
    """Stop an untrusted program with all of its descendants, also those that are made meanwhile."""
    while fresh := ({_Guest.pid} | _descendants(_Guest.pid) | _strays()) - _Guest.stopped:
        for pid in fresh:
            _send(pid, signal.SIGSTOP)
        _Guest.stopped |= fresh


def _strays() -> set[int]:
    """The orphans that an untrusted program left us so far, with their descendants."""
    orphans = _children() - _Guest.before - _running
    return orphans.union(*(_descendants(pid) for pid in orphans))


def _descendants(pid: int) -> set[int]:
    children = _children(pid)
    return children.union(*(_descendants(child) for child in children))


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _children(parent: int | str = "self") -> set[int]:
    """The processes whose parent is `parent`; empty where the system does not tell."""
    found: set[int] = set()
    for path in Path(f"/proc/{parent}/task").glob("*/children"):
        with suppress(OSError):
            found.update(int(pid) for pid in path.read_text(encoding="ascii").split())
    return found


def sweep() -> None:
    """Kill the orphans that a program left us in sessions of their own, for a second at most."""
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        with _lock:
            strays = _children() - _Guest.before - _running
        if not strays:
            return
        for pid in strays:
            _send(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.002)


def kill_all() -> None:
    """Kill every program that runs."""
    for pid in tuple(_running):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


interruption.at_deadline.append(kill_all)
