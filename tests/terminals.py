"""A pseudo-terminal of a certain size, in which a program runs as a person would see it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

SIZE = (80, 24)
_LIMIT = 60.0
# As a shell does it: the terminal belongs to the program, so that Ctrl-C reaches it.
_PRELUDE = "import fcntl, os, signal, sys, termios; signal.signal(signal.SIGINT, signal.SIG_DFL)"
_LAUNCHER = (
    sys.executable,
    "-c",
    f"{_PRELUDE}; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])",
)


class Terminal:
    """A program at a terminal: standard input, output and error are all of it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        size: tuple[int, int] = SIZE,
    ) -> None:
        self.written = ""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.process = subprocess.Popen(
            [*_LAUNCHER, *command],
            cwd=cwd,
            env=dict(environment),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def read_until(self, text: str) -> str:
        """Read until a text appears; return everything that was written."""
        deadline = time.monotonic() + _LIMIT
        while text not in self.written:
            assert self._read(deadline), f"{text!r} did not appear in {self.written!r}"
        return self.written

    def type(self, keys: str) -> None:
        """Type keys; `\\x03` is Ctrl-C."""
        os.write(self._ours, keys.encode())

    def finish(self) -> str:
        """Wait for the program's end; return everything that was written."""
        deadline = time.monotonic() + _LIMIT
        while self._read(deadline):
            pass
        self.process.wait(timeout=_LIMIT)
        os.close(self._ours)
        return self.written

    def _read(self, deadline: float) -> bool:
        """Read what there is; False at the end."""
        ready = select.select([self._ours], [], [], max(deadline - time.monotonic(), 0))[0]
        assert ready, f"nothing came for too long after {self.written!r}"
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # Linux says so when nobody has the other side open
            return False
        self.written += data.decode(errors="replace")
        return bool(data)


def plain(text: str) -> str:
    """Return what was written without control sequences: every picture of what moves is in it."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n")
