"""The list of apps in flight at a terminal, and what stands in its place elsewhere."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorefly.rehearsal.server import Rehearsal
from scorefly.report.progress import Phase
from scorefly.ui.activity import Activity, duration
from scorefly.ui.terminal_progress import TerminalProgress
from scorefly.ui.wrap import cells
from terminals import Terminal, plain
from workspaces import Workspace

SECRET = "canary-4711-secret"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Deploying:
    """`scorefly deploy` at a terminal, with a flyctl that says something and then waits to be let go."""

    def __init__(self, workspace: Workspace, folder: Path, size: tuple[int, int], **variables: str) -> None:
        self.go = folder / "go"
        os.mkfifo(self.go)
        flyctl = folder / "bin/flyctl"
        flyctl.parent.mkdir()
        flyctl.write_text(
            f"#!{sys.executable}\n"
            "import sys\n"
            "if sys.argv[1] != 'deploy': sys.exit()\n"
            f"print('\\x1b[1mstarting with {SECRET}\\x1b[0m', flush=True)\n"
            f"open({str(self.go)!r}).close()\n"
            "sys.exit(1)\n"
        )
        flyctl.chmod(0o755)
        self.fly = Rehearsal(None)
        self.fly.__enter__()
        workspace.workload(
            "web",
            "    variables: {TOKEN: '${resources.token.value}'}\n"
            "resources: {token: {type: secret, params: {name: TOKEN}}}\n",
        )
        environment = {
            "PATH": f"{flyctl.parent}:{os.environ['PATH']}",
            "TERM": "xterm-256color",
            "FLY_API_TOKEN": "fo1_token",
            "FLY_FLAPS_BASE_URL": self.fly.url,
            "SCOREFLY_SECRETS": f'{{"TOKEN": "{SECRET}"}}',
            **variables,
        }
        command = [sys.executable, "-m", "scorefly", "deploy"]
        self.terminal = Terminal(command, cwd=workspace.path, environment=environment, size=size)

    def fail(self) -> str:
        """Let flyctl go, which fails, and return all that was written."""
        self.go.open("w").close()
        written = self.terminal.finish()
        self.fly.__exit__(None, None, None)
        return written


@pytest.mark.parametrize("columns", [80, 24])
def test_a_live_list_shows_state_elapsed_time_and_the_last_line_of_flyctl(
    workspace: Workspace, tmp_path: Path, columns: int
) -> None:
    run = Deploying(workspace, tmp_path, (columns, 24))
    seen = run.terminal.read_until("starting with")
    written = run.fail()
    assert re.search(r"  web  creating  \d\.\ds", plain(seen))
    assert "0 of 1 apps done" in plain(seen)
    assert SECRET not in written
    assert "\x1b[?25l" not in written, "the cursor was hidden"
    drawn = plain(seen).split("  web  creating", 1)[1].splitlines()
    assert max(map(cells, drawn)) < columns


def test_ctrl_c_takes_the_live_list_away(workspace: Workspace, tmp_path: Path) -> None:
    run = Deploying(workspace, tmp_path, (80, 24))
    run.terminal.read_until("starting with")
    run.terminal.type("\x03")
    written = run.terminal.finish()
    assert run.terminal.process.returncode == 130, written
    last = written.split("\x1b[2K")[-1]
    assert "warning: interrupted (" in plain(last).replace("\n  ", " ")
    assert "apps done" not in last


def test_no_color_has_a_live_list_without_colours(workspace: Workspace, tmp_path: Path) -> None:
    run = Deploying(workspace, tmp_path, (80, 24), NO_COLOR="1")
    run.terminal.read_until("starting with")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", run.fail())


def test_a_dumb_terminal_gets_plain_lines(workspace: Workspace, tmp_path: Path) -> None:
    run = Deploying(workspace, tmp_path, (80, 24), TERM="dumb")
    run.terminal.read_until("web: creating")
    written = run.fail()
    assert "\x1b" not in written
    assert re.search(r"web: failed \(\d\.\ds\)\r\n", written)


def test_plain_lines_tell_how_long_an_app_took(workspace: Workspace) -> None:
    workspace.workload("web")
    lines = workspace.run("deploy", "--rehearse").err.splitlines()
    assert "web: creating" in lines
    assert [line for line in lines if re.fullmatch(r"web: created \(\d+\.\ds\)", line)]


def test_plain_lines_break_a_long_silence() -> None:
    clock, out = Clock(), io.StringIO()
    progress = TerminalProgress(out, {}, clock)
    progress.step("reading 3 repositories")
    for clock.now in (1.0, 2.0, 5.0, 10.0, 29.0, 30.0, 60.0, 100.0, 120.0):
        progress.tick()
    progress.close()
    assert out.getvalue().splitlines() == [
        "reading 3 repositories",
        *(f"reading 3 repositories ({time})" for time in ("2.0s", "10s", "30s", "1m 00s", "2m 00s")),
    ]


def test_plain_lines_name_the_apps_in_flight() -> None:
    clock, out = Clock(), io.StringIO()
    progress = TerminalProgress(out, {}, clock)
    progress.app("db", "waiting", "waiting")
    progress.app("web", "creating")
    clock.now = 3.0
    progress.app("worker", "updating")
    progress.tick()
    clock.now = 13.0
    progress.tick()
    progress.app("web", "created", "ended")
    progress.close()
    assert out.getvalue().splitlines() == [
        "web: creating",
        "worker: updating",
        "web: creating (13s), worker: updating (10s)",
        "web: created (13s)",
    ]


def test_quiet_shows_no_progress() -> None:
    clock, out = Clock(), io.StringIO()
    progress = TerminalProgress(out, {}, clock)
    progress.quiet = True
    progress.begin("scorefly deploy")
    progress.app("web", "creating")
    clock.now = 100.0
    progress.tick()
    progress.close()
    assert out.getvalue() == ""


texts = st.text(max_size=90)


@given(
    st.lists(st.tuples(texts, texts, st.sampled_from(["waiting", "running", "ended"]), texts), max_size=40),
    st.integers(1, 120),
    st.integers(1, 40),
)
def test_a_live_list_fits_every_window(updates: list[tuple[str, str, Phase, str]], columns: int, lines: int) -> None:
    activity = Activity(str, Clock())
    for name, state, phase, line in updates:
        activity.update(name, state, phase)
        activity.say(name, line)
    shown = [line for line, _ in activity.lines(columns, lines)]
    assert all(line.isprintable() and cells(line) <= columns for line in shown)
    assert len(shown) <= max(lines, 3)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (9.94, "9.9s"), (9.96, "10s"), (59.4, "59s"), (59.6, "1m 00s"), (3599, "59m 59s"), (3720, "1h 02m")],
)
def test_a_duration_is_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
