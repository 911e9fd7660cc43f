"""Interruption of a run by SIGINT or SIGTERM.

A signal handler that raises an exception may do so inside a lock's own code and leave the lock held for good. So the
handlers only take a note, which the run reads at safe points. `threading.Event` is not used for that: setting it in a
handler takes a lock which the interrupted thread may hold.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SHUTDOWN = 9.0  # seconds from the first signal to the end: GitHub's runner kills after 10
REQUESTS = 7.0  # seconds from the first signal in which a server may still be told something
IN_FLIGHT = 2.5  # seconds from the first signal in which an answer that is under way may still arrive
WAKE = 0.2  # seconds between two looks at the note

at_deadline: list[Callable[[], None]] = []
_thread = threading.local()


class Interrupted(BaseException):
    """A signal asked the run to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class _Note:
    number = 0
    since = 0.0


def install() -> None:
    """Set the handlers of SIGINT and SIGTERM. SIGINT stays ignored where whoever started the process ignores it."""
    signal.signal(signal.SIGALRM, _give_up)
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _take_note)


def requested() -> bool:
    """Decide whether the run has to end, and this thread is not finishing something first."""
    return bool(_Note.number) and not getattr(_thread, "finishing", False)


def overdue(patience: float) -> bool:
    """Decide whether the run was interrupted `patience` seconds ago, and this thread finishes nothing first."""
    return requested() and time.monotonic() >= _Note.since + patience


def check(patience: float = 0.0) -> None:
    """Raise Interrupted if the run has had to end for `patience` seconds. Call this where nothing is half done."""
    if overdue(patience):
        raise Interrupted(_Note.number)


def remaining(limit: float = SHUTDOWN) -> float:
    """Seconds left until `limit` seconds after the first signal; infinite while there was none."""
    return _Note.since + limit - time.monotonic() if _Note.number else float("inf")


def sleep(seconds: float) -> None:
    """Sleep. Raises Interrupted as soon as the run has to end; a thread that is finishing something only wakes up."""
    end = time.monotonic() + seconds
    check()
    while (left := min(end - time.monotonic(), remaining(REQUESTS))) > 0:
        time.sleep(min(left, WAKE))
        check()


@contextmanager
def finishing() -> Iterator[None]:
    """Let this thread finish what must not be left half done, such as saving state, without Interrupted."""
    before = getattr(_thread, "finishing", False)
    _thread.finishing = True
    try:
        yield
    finally:
        _thread.finishing = before


def ignore_further_signals() -> None:
    """Let no signal change the exit status of a run that ends already: Python resets its handlers before the end."""
    leave_signals_to_main_thread()  # one that came while its handler is replaced would be reported as a fault
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def leave_signals_to_main_thread() -> None:
    """Block SIGINT and SIGTERM in this thread, which is not the main thread or needs no more of them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})


def _take_note(number: int, _frame: FrameType | None) -> None:
    if not _Note.number:
        _Note.since = time.monotonic()
        _Note.number = number
        signal.setitimer(signal.ITIMER_REAL, SHUTDOWN)


def _give_up(_number: int, _frame: FrameType | None) -> None:
    """End the process: whatever still waits, waits for something that does not answer."""
    for act in at_deadline:
        act()
    os.write(2, b"interrupted: not everything could be finished in time\n")
    os._exit(128 + _Note.number)
