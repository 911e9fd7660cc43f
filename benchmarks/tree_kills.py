"""Kills syncs of ten apps at 100 points, and checks that the next sync puts everything right.

Half of the syncs create the apps and half change them; half have state in a file and half on a git server. A point is a
request to Fly or to a git server. The next sync has to end well without waiting for a lock, and to leave every app with
what one undisturbed sync gives it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import fork_server
from git_servers import HttpServer, git, http_server
from scorefly.rehearsal.server import Rehearsal
from scorefly.state.encryption import new_key
from tree_repositories import Repositories

NAMES = tuple(f"app-{number}" for number in range(10))
SCORE = """\
apiVersion: score.dev/v1b1
metadata: {{name: {name}}}
containers:
  main:
    image: nginx:1.{number}
    volumes: {{/data: {{source: data}}}}
service: {{ports: {{http: {{port: 80, targetPort: 8080}}}}}}
"""
BAD_WORDS = ("has a fault", "internal error", "Traceback", "another run is working")
LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8,}|scorefly-.*")
# flyctl's stand-in, in a process that is forked instead of started.
STUB = """\
#!{python} -IS
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({path!r})
request = {{"program": "flyctl", "arguments": sys.argv[1:], "cwd": os.getcwd(), "environment": dict(os.environ)}}
socket.send_fds(server, [json.dumps(request).encode() + b"\\n"], [1, 2])
answer = server.makefile("rb")
answer.readline()
sys.exit(os.waitstatus_to_exitcode(int(answer.readline())) != 0)
"""


@dataclass
class Trial:
    """A tree of ten apps, its Fly, and the requests that its syncs made."""

    folder: Path
    repositories: Repositories
    fly: Rehearsal
    on_git: bool
    key: str = field(default_factory=new_key)
    process: int = 0
    said: str = ""

    def sync(self, run: str) -> fork_server.Ended:
        """Sync in a process of its own, as the job `run` of a workflow."""
        (self.folder / "tmp").mkdir(exist_ok=True)
        server = self.repositories.server
        environment = {
            **dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), self.fly.url),
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "FLY_API_TOKEN": "fo1_token",
            "SCOREFLY_STATE_KEY": self.key,
            "SCOREFLY_STATE": "git" if self.on_git else "file",
            "SCOREFLY_SECRETS": json.dumps({"READ": server.token}),
            "SCOREFLY_LOCK_TIMEOUT": "5s",
            "GITHUB_TOKEN": server.token,
            "GITHUB_SERVER_URL": server.url,
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_RUN_ID": run,
            "GITHUB_JOB": "sync",
        }
        ended = fork_server.run(
            "cli", ["sync"], cwd=self.folder / "workspace", environment=environment, on_start=self._started
        )
        self.said = f"exit status {ended.code}\n{ended.out}{ended.err}"
        return ended

    def kill(self) -> None:
        """Kill the sync with all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process, signal.SIGKILL)

    def _started(self, process: int) -> None:
        self.process = process

    def shape(self) -> dict[str, Any]:
        """The Machines' images, and the number of volumes and addresses, of each app."""
        return {
            name: (
                sorted(each["config"]["image"] for each in app["machines"].values() if each["state"] != "destroyed"),
                len(app["volumes"]),
                len(app["addresses"]),
            )
            for name, app in sorted(self.fly.world.data["apps"].items())
        }


class Requests(list[Any]):
    """Requests to Fly and to the git server, as they come. Number `at` calls a function."""

    def __init__(self, at: int = 0, act: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.at, self.act = at, act

    def append(self, request: Any) -> None:
        """Add a request."""
        super().append(request)
        if len(self) == self.at:
            self.act()


def open_trial(stack: ExitStack, *, on_git: bool) -> Trial:
    """Make a tree that was never deployed."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kills-", ignore_cleanup_errors=True)))
    (folder / "server").mkdir()
    server = stack.enter_context(http_server(folder / "server"))
    trial = Trial(folder, Repositories(folder / "server", server), stack.enter_context(Rehearsal(None)), on_git)
    flyctl = folder / "bin" / "flyctl"
    flyctl.parent.mkdir()
    flyctl.write_text(STUB.format(python=sys.executable, path=fork_server.socket_path()))
    flyctl.chmod(0o755)
    write(trial, 1)
    lines = "".join(f"  {name}: {{source: {{repo: {server.url}/acme/mono, path: {name}}}}}\n" for name in NAMES)
    host = server.url.partition("://")[2]
    text = f"access: {{{host}: {{token: READ}}}}\nworkloads:\n{lines}environments: {{production: {{}}}}\n"
    trial.repositories.commit("shop", {"scorefly.yaml": text})
    home = folder / "server/acme/shop.git"
    git(home, "config", "http.receivepack", "true")
    git(folder, "clone", "--quiet", home.as_uri(), "workspace")
    return trial


def write(trial: Trial, number: int) -> None:
    """Commit another image to every workload."""
    files: dict[str, str | None] = {f"{name}/score.yaml": SCORE.format(name=name, number=number) for name in NAMES}
    trial.repositories.commit("mono", files)


def count(trial: Trial, requests: Requests) -> None:
    """Count all requests of a trial."""
    trial.fly.requests = requests
    server: HttpServer = trial.repositories.server
    server.requests = requests


def check(trial: Trial, expected: Any, *, again: bool) -> list[str]:
    """Sync after one that was killed. Returns what is wrong then; with `again` a third sync has nothing to do."""
    shutil.rmtree(trial.folder / "tmp", ignore_errors=True)
    ended = trial.sync("2")
    problems = [trial.said] if ended.code else []
    if trial.shape() != expected:
        problems.append(f"has {trial.shape()}, not {expected}")
    problems += [f"says {word!r}" for word in BAD_WORDS if word in trial.said]
    places = (trial.folder / "workspace/.scorefly", trial.folder / "tmp")
    left = [path.name for place in places for path in place.rglob("*") if LEFTOVER.fullmatch(path.name)]
    problems += [f"left the file {name}" for name in left]
    if again and trial.sync("3").out.count("unchanged") < len(NAMES):
        problems.append(f"a third sync changes something: {trial.said}")
    return problems


class Campaign:
    """Trials of one kind: syncs that create or change, with state on git or in a file."""

    def __init__(self, *, on_git: bool, creates: bool, trials: int) -> None:
        self.on_git, self.creates, self.trials = on_git, creates, trials
        self.what = f"{'create' if creates else 'change'}, state {'on git' if on_git else 'in a file'}"
        self.killed = self.failed = self.done = 0

    def run(self) -> None:
        """Kill syncs at points that are spread over an undisturbed one."""
        with ExitStack() as stack:
            trial = open_trial(stack, on_git=self.on_git)
            requests = Requests()
            count(trial, requests if self.creates else Requests())
            assert trial.sync("1").code == 0, trial.said
            if not self.creates:
                write(trial, 2)
                count(trial, requests)
                assert trial.sync("2").code == 0, trial.said
            print(f"{self.what}: {len(requests)} requests", flush=True)
            for number in range(self.trials):
                at = 1 + number * len(requests) // self.trials
                if self.creates:
                    with ExitStack() as own:
                        self._once(open_trial(own, on_git=self.on_git), at, 1)
                else:
                    write(trial, 3 + number)
                    self._once(trial, at, 3 + number)

    def _once(self, trial: Trial, at: int, number: int) -> None:
        expected = {name: ([f"nginx:1.{number}"], 1, 2) for name in NAMES}
        count(trial, Requests(at, trial.kill))
        was_killed = trial.sync("2").code < 0
        count(trial, Requests())
        problems = check(trial, expected, again=self.done % 10 == 0)
        self.killed, self.done, self.failed = self.killed + was_killed, self.done + 1, self.failed + bool(problems)
        if problems:
            print(f"FAILED {self.what}, killed at request {at}: {'; '.join(problems)}", flush=True)
        print(f"  {self.what}: {self.done} done, {self.killed} killed, {self.failed} failed", flush=True)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="points to kill at")
    options = parser.parse_args()
    fork_server.socket_path()
    kinds = [(on_git, creates) for on_git in (False, True) for creates in (True, False)]
    campaigns = [
        Campaign(on_git=on_git, creates=creates, trials=max(1, options.count // len(kinds)))
        for on_git, creates in kinds
    ]
    threads = [threading.Thread(target=each.run) for each in campaigns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done, killed, failed = (sum(getattr(each, what) for each in campaigns) for what in ("done", "killed", "failed"))
    print(f"tree_kills: {done} syncs of {len(NAMES)} apps, {killed} killed, {failed} not put right by the next sync")
    sys.exit(int(bool(failed) or not done))


if __name__ == "__main__":
    main()
