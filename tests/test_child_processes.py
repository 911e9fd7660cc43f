"""Child processes, with real ones: bounded in time and output, and ended with what they leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scorefly import process
from scorefly.child_output import MAX_LINES, Buffer, Lines, Sink
from scorefly.process import Ended


def run(folder: Path, script: str, output: Sink, *, seconds: float = 60, **options: float) -> Ended:
    argv = [sys.executable, "-c", f"import os, signal, sys, time\n{script}"]
    return process.run(argv, folder=folder, environ={}, seconds=seconds, output=output, **options)  # type: ignore[arg-type]


def test_lines_are_streamed_and_long_or_many_ones_are_left_out(tmp_path: Path) -> None:
    lines: list[str] = []
    script = (
        "sys.stdout.write('one\\r\\ntwo\\rthree\\n\\n' + 'x' * 100_000 + '\\nfour\\n')\n"
        "sys.stdout.write('five\\n' * 50_000 + 'no end')"
    )
    assert run(tmp_path, script, Lines(lines.append)) == Ended(0)
    assert lines[:5] == ["one", "two", "three", "(a line of more than 64 KiB)", "four"]
    assert (len(lines), lines[-1]) == (MAX_LINES + 1, "… and more")


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    lines: list[str] = []
    run(tmp_path, "sys.stdout.write('no end')", Lines(lines.append))
    assert lines == ["no end"]


def test_too_much_output_ends_a_program(tmp_path: Path) -> None:
    output = Buffer(1000)
    ended = run(tmp_path, "while True: print('x' * 100)", output)
    assert (ended.reason, len(output.content)) == ("full", 1000)


def test_a_program_that_does_not_end_is_asked_and_then_killed(tmp_path: Path) -> None:
    lines: list[str] = []
    script = "signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True))\nwhile True: signal.pause()"
    ended = run(tmp_path, script, Lines(lines.append), seconds=2, grace=0.5)
    assert (ended, lines) == (Ended(-signal.SIGKILL, "late"), ["asked"])


@pytest.mark.parametrize("session", ["pass", "os.setsid()"])
def test_a_descendant_that_keeps_the_pipe_open_does_not_delay_the_end(tmp_path: Path, session: str) -> None:
    output = Buffer(1 << 20)
    script = (
        "read, write = os.pipe()\n"
        "if not os.fork():\n"
        f"    {session}\n"
        "    os.write(write, b'x')\n"
        f"    open({str(tmp_path / 'child')!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(600)\n"
        "os.read(read, 1)\nprint('done')"
    )
    begun = time.monotonic()
    assert run(tmp_path, script, output) == Ended(0)
    assert time.monotonic() - begun < 60
    assert output.content == b"done\n"
    for path in tmp_path.glob("child"):
        if session != "pass" and (pid := path.read_text()):
            os.kill(int(pid), signal.SIGKILL)


def test_children_are_reaped_where_the_system_does_it() -> None:
    """A parent that ignores SIGCHLD hands that on."""
    script = (
        "import signal, sys\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nfrom scorefly import process\nfrom scorefly.child_output import Buffer\n"
        "out = Buffer(9)\n"
        "print(process.run([sys.executable, '-c', 'print(1)'], folder=None, environ={}, seconds=60, output=out).reason,"
        " bytes(out.content))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, " b'1\\n'\n"), done.stderr


# One process looks for secrets in the environment of others, and so does one that it makes in a session of its own.
GUEST = r"""
import glob, os, sys, time
child = os.fork()
if not child:
    os.setsid()
open(f"ready-{bool(child)}", "w").close()
while not os.path.exists("stop"):
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            if b"canary-of-git" in open(path, "rb").read():
                open("found", "w").close()
        except OSError:
            pass
if child:
    os.waitpid(child, 0)
    print("went on")
"""

TRUSTED = "import time\nend = time.monotonic() + 0.5\nwhile time.monotonic() < end: pass"

BOTH = f"""
import sys, threading, time
from pathlib import Path
from scorefly import process
from scorefly.child_output import Buffer
output = Buffer(100)
def guest():
    process.run([sys.executable, "-c", {GUEST!r}], folder=None, environ={{}}, seconds=60, output=output, untrusted=True)
thread = threading.Thread(target=guest)
thread.start()
while len(list(Path().glob("ready-*"))) < 2: time.sleep(0.01)
for _ in range(2):
    process.run([sys.executable, "-c", {TRUSTED!r}], folder=None, environ={{"TOKEN": "canary-of-git"}}, seconds=60,
                output=Buffer(9))
Path("stop").touch()
thread.join()
print(bytes(output.content))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_an_untrusted_program_stands_still_while_another_has_secrets(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BOTH], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "b'went on\\n'\n"), done.stderr
    assert not (tmp_path / "found").exists()
