"""A pseudo-terminal of a certain size, in which a program runs as a person would see it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import shutil
import struct
import subprocess
import sys
import termios
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

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


class Screen:
    """A program in tmux, which is a real terminal: what is on its screen is what a person would see."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str], size: tuple[int, int] = SIZE
    ) -> None:
        tmux = shutil.which("tmux")
        if tmux is None:
            pytest.skip("needs tmux: apt-get install tmux")
        self._tmux = (tmux, "-L", f"scorefly-{uuid.uuid4().hex[:8]}", "-f", "/dev/null")
        given = [f"{name}={value}" for name, value in environment.items() if name != "TERM"]
        line = shlex.join(["env", "-i", *given, "TERM=tmux-256color", *command])
        # The screen stays when the program has ended.
        self._run("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "-c", str(cwd), f"{line}; cat")

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)

    def wait_for(self, pattern: str) -> str:
        """Wait until the screen shows a pattern; return it with its colours."""
        deadline = time.monotonic() + _LIMIT
        while not re.search(pattern, shown := self._run("capture-pane", "-p")):
            assert time.monotonic() < deadline, f"{pattern!r} did not appear on {shown!r}"
            time.sleep(0.05)
        return self._run("capture-pane", "-p", "-e").rstrip()

    def type(self, keys: str) -> None:
        """Press keys, as tmux names them: `C-c`."""
        self._run("send-keys", keys)

    def cursor_is_visible(self) -> bool:
        """Decide whether the cursor is shown."""
        return self._run("display-message", "-p", "#{cursor_flag}").strip() == "1"

    def _run(self, *words: str) -> str:
        done = subprocess.run([*self._tmux, *words], check=True, capture_output=True, text=True, timeout=_LIMIT)
        return done.stdout
