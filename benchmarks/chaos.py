"""Breaks runs by faults and kills at random places, and checks that the next run puts everything right.

Projects with redis and volumes are deployed, cleaned up and destroyed against the rehearsal, with state in a file or on
a git server, while answers of Fly and of the git server are lost or spoilt, or the run gets SIGKILL. Each time the same
command then runs without a fault. `SCOREFLY_TEST_FLYCTL` names a real flyctl to deploy with.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import fork_server
from flyctl_programs import FLYCTL, write_stand_in
from git_servers import Bare, HttpServer, bare_repository, git, http_server
from scorefly.rehearsal.faults import WORDS, Fault
from scorefly.rehearsal.server import Rehearsal
from scorefly.state.encryption import new_key

SECONDS = 600
TOKEN = "fo1_canarytokenofchaos"
BAD_WORDS = ("has a fault", "internal error", "Traceback")
LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8,}|scorefly-.*")
CLEANUP = ("cleanup", "--cleanup", "secrets,resources,volumes")
STATUSES = (0, 408, 429, 500, 502, 503, 504)
WEB = """\
apiVersion: score.dev/v1b1
metadata: {{name: web}}
containers:
  main:
    image: nginx:1.{number}
    variables: {{CACHE: "redis://:${{resources.cache.password}}@${{resources.cache.host}}"}}
    volumes: {{/data: {{source: "${{resources.disk}}"}}}}
service: {{ports: {{http: {{port: 80, targetPort: 8080}}}}}}
resources: {{cache: {{type: redis}}, disk: {{type: volume}}}}
"""
API = """\
apiVersion: score.dev/v1b1
metadata: {{name: api}}
containers: {{main: {{image: "nginx:1.{number}"{variables}}}}}
{resources}
"""
QUEUE = ', variables: {QUEUE: "${resources.queue.password}"}'


class Counted(list[Any]):
    """A list of requests that calls a function when number `at` arrives."""

    def __init__(self, at: int = 0, act: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.at, self.act = at, act

    def append(self, request: Any) -> None:
        """Add a request."""
        super().append(request)
        if self.act and len(self) == self.at:
            self.act()


@dataclass
class Project:
    """One repository with its workloads, its state and its part of Fly."""

    folder: Path
    fly: Rehearsal
    server: HttpServer
    bare: Bare
    on_git: bool
    key: str = field(default_factory=new_key)
    number: int = 1
    queue: bool = True
    process: int = 0
    passwords: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    @property
    def workspace(self) -> Path:
        """Where the Score files are."""
        return self.folder / "workspace"

    def write(self) -> None:
        """Write the Score files."""
        self.workspace.mkdir(exist_ok=True)
        (self.workspace / "web.score.yaml").write_text(WEB.format(number=self.number))
        resources = "resources: {queue: {type: redis}}" if self.queue else ""
        api = API.format(number=self.number, variables=QUEUE if self.queue else "", resources=resources)
        (self.workspace / "api.score.yaml").write_text(api)

    def run(self, *command: str) -> fork_server.Ended:
        """Run a command of scorefly in a process of its own."""
        (self.folder / "tmp").mkdir(exist_ok=True)
        bases = dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), self.fly.url)
        environment = {
            **bases,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "FLY_API_TOKEN": TOKEN,
            "SCOREFLY_STATE_KEY": self.key,
            "GITHUB_TOKEN": self.server.token,
            "GITHUB_SERVER_URL": self.server.url,
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "FLY_SEND_METRICS": "0",
        }
        options = ["--environment", "production", "--state", "git" if self.on_git else "file"]
        ended = fork_server.run(
            "cli", [*command, *options], cwd=self.workspace, environment=environment, on_start=self._started
        )
        self.said += [f"$ scorefly {' '.join(command)}: {ended.code}", ended.out, ended.err]
        return ended

    def kill(self) -> None:
        """Kill the run with all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process, signal.SIGKILL)

    def _started(self, process: int) -> None:
        self.process = process

    def shape(self) -> dict[str, tuple[int, int, int]]:
        """The number of Machines, volumes and addresses of each app."""
        return {
            name: (
                sum(each["state"] != "destroyed" for each in app["machines"].values()),
                len(app["volumes"]),
                len(app["addresses"]),
            )
            for name, app in sorted(self.fly.world.data["apps"].items())
        }

    def given_passwords(self) -> dict[str, str]:
        """The passwords of redis that Fly has."""
        apps = self.fly.world.data["apps"]
        found = {name: self.fly.received_secrets(name).get("REDIS_PASSWORD", "") for name in apps}
        return {name: password for name, password in found.items() if password}


def open_project(stack: ExitStack, on_git: bool) -> Project:
    """Make a project that was never deployed."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True)))
    bare = bare_repository(folder / "server")
    bare.commit("first")
    server = stack.enter_context(http_server(bare.root))
    project = Project(folder, stack.enter_context(Rehearsal(None)), server, bare, on_git)
    git(folder, "clone", "--quiet", bare.path.as_uri(), "workspace")
    git(project.workspace, "remote", "set-url", "origin", f"{server.url}/acme/shop")
    flyctl = folder / "bin" / "flyctl"
    flyctl.parent.mkdir()
    if FLYCTL:
        flyctl.write_text(f'#!/bin/sh\nexec {FLYCTL} "$@"\n')
        flyctl.chmod(0o755)
    else:
        write_stand_in(flyctl)
    project.write()
    return project


def disturb(project: Project, draw: random.Random) -> tuple[str, Callable[[], None]]:
    """Prepare one disturbance. Returns its name, and a function that takes it back."""
    at_git = project.on_git and draw.random() < 0.3
    at = draw.randint(1, 14 if at_git else 70)
    kind = draw.choice(("kill", "kill", "kill", *WORDS, *map(str, STATUSES)))
    if at_git:
        at = min(at, 12)
        if kind != "kill":
            status = draw.choice((500, 502, 503))
            path = draw.choice(("git-receive-pack", "git-upload-pack"))
            project.server.faults += [(path, status)] * draw.randint(1, 3)
            return f"git {path} {status}", project.server.faults.clear
        project.server.requests = Counted(at, project.kill)
    elif kind == "kill":
        project.fly.requests = Counted(at, project.kill)
    else:
        method = draw.choice(("*", "*", "GET", "POST", "DELETE"))
        times = draw.choice((1, 1, 1, 2))
        fault = Fault(method, "*", times=times, first=max(1, at // (1 if method == "*" else 3)))
        if kind.isdecimal():
            fault.status = int(kind)
        else:
            fault.kind = kind
        project.fly.faults.append(fault)
        return f"{method} {kind} x{times} at Fly's {fault.first}", project.fly.faults.clear

    def undo() -> None:
        project.fly.requests = Counted()
        project.server.requests = Counted()

    return f"kill at request {at} of {'git' if at_git else 'Fly'}", undo


def check(project: Project, command: tuple[str, ...], ended: fork_server.Ended, expected: Any) -> list[str]:
    """Compare what is there after the run that was not disturbed with what has to be. Returns the differences."""
    problems = [f"exit status {ended.code}"] if ended.code else []
    said = "\n".join(project.said)
    problems += [f"says {word!r}" for word in BAD_WORDS if word in said]
    passwords = project.given_passwords()
    hidden = {TOKEN, project.key, project.server.token, *passwords.values(), *project.passwords.values()}
    problems += ["shows a secret" for secret in hidden if secret in said]
    if project.shape() != expected:
        problems.append(f"has {project.shape()}, not {expected}")
    problems += [
        f"changed the password of {name}"
        for name, password in project.passwords.items()
        if name in passwords and passwords[name] != password
    ]
    if command[0] == "deploy":
        users = project.fly.received_secrets("web"), project.fly.received_secrets("api")
        if passwords.get("web-cache", "-") not in users[0].get("CACHE", ""):
            problems.append("web has another password than its redis")
        if project.queue and passwords.get("api-queue") != users[1].get("QUEUE"):
            problems.append("api has another password than its redis")
        images = {each["config"]["image"] for app in ("web", "api") for each in _machines(project, app)}
        if images != {f"nginx:1.{project.number}"}:
            problems.append(f"runs {images}")
    refs = [ref for ref in project.bare.refs if ref.startswith(("refs/scorefly-locks", "refs/scorefly-recovery"))]
    problems += [f"left {ref}" for ref in refs]
    places = (project.workspace / ".scorefly", project.folder / "tmp")
    left = [path.name for place in places for path in place.rglob("*") if LEFTOVER.fullmatch(path.name)]
    return problems + [f"left the file {name}" for name in left]


def _machines(project: Project, app: str) -> list[Any]:
    machines = project.fly.world.data["apps"].get(app, {"machines": {}})["machines"].values()
    return [each for each in machines if each["state"] != "destroyed"]


def once(project: Project, draw: random.Random, shapes: dict[str, Any]) -> tuple[str, list[str]]:
    """Disturb one command and repeat it. Returns what was done, and what is wrong then."""
    project.said.clear()
    deployed = bool(project.fly.world.data["apps"])
    word = draw.choice(("deploy", "deploy", "cleanup", "destroy")) if deployed else "deploy"
    project.queue = word != "cleanup"
    project.number += 1
    project.write()
    # What a cleanup removes is what this leaves over.
    if word == "cleanup" and project.run("deploy").code:
        return "deploy before cleanup", ["failed undisturbed"]
    project.passwords = project.given_passwords()
    command = {"deploy": ("deploy",), "cleanup": CLEANUP, "destroy": ("destroy", "--yes")}[word]
    what, undo = disturb(project, draw)
    ended = project.run(*command)
    undo()
    if ended.code < 0:
        shutil.rmtree(project.folder / "tmp", ignore_errors=True)
        # A lock on git outlives a run that was killed, until it expires or somebody unlocks.
        if project.on_git and (unlocked := project.run("state", "unlock")).code:
            return what, [f"cannot be unlocked: {unlocked.err}"]
    outcome = "killed" if ended.code < 0 else "failed" if ended.code else "survived"
    if ended.code not in (0, 1, -signal.SIGKILL):
        return f"{word} {outcome}: {what}", [f"exit status {ended.code} of the run that was disturbed"]
    return f"{word} {outcome}: {what}", check(project, command, project.run(*command), shapes[word])


class Chaos:
    """Trials by several threads, each with projects of its own."""

    def __init__(self, seed: int, count: int, threads: int, seconds: float) -> None:
        self.seed, self.left, self.threads = seed, count, threads
        self.end = time.monotonic() + seconds * 0.95
        self.lock = threading.Lock()
        self.tally: Counter[str] = Counter()
        self.failures: list[str] = []

    def run(self) -> int:
        """Run all trials, and print what came of them. Returns the exit status."""
        fork_server.socket_path()
        workers = [threading.Thread(target=self._work, args=(number,)) for number in range(self.threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        total = sum(self.tally.values())
        print(f"chaos: seed {self.seed}, {total} runs disturbed, {len(self.failures)} not put right by the next run")
        for outcome, number in sorted(self.tally.items()):
            print(f"  {outcome}: {number}")
        return int(bool(self.failures) or not total)

    def _work(self, number: int) -> None:
        draw, round_number = random.Random(f"{self.seed}/{number}"), 0
        while self._may_go_on():
            with ExitStack() as stack:
                project = open_project(stack, on_git=(number + round_number) % 2 == 0)
                shapes = self._shapes(project)
                trial, good = 0, True
                while good and trial < 25 and self._take():
                    what, problems = once(project, draw, shapes)
                    good, trial = not problems, trial + 1
                    with self.lock:
                        self.tally[what.partition(":")[0]] += 1
                        if problems:
                            self.failures.append(what)
                            state = "git" if project.on_git else "file"
                            print(f"FAILED {what} (state in {state}, worker {number}): {'; '.join(problems)}")
                            print("\n".join(f"    {line}" for said in project.said for line in said.splitlines()))
                            sys.stdout.flush()
            round_number += 1

    def _shapes(self, project: Project) -> dict[str, Any]:
        """What there is after each command when nothing disturbs it."""
        shapes: dict[str, Any] = {"destroy": {}}
        first = project.run("deploy")
        assert first.code == 0, first.err
        shapes["deploy"] = project.shape()
        shapes["cleanup"] = {name: shape for name, shape in shapes["deploy"].items() if name != "api-queue"}
        destroyed = project.run("destroy", "--yes")
        assert destroyed.code == 0, destroyed.err
        return shapes

    def _may_go_on(self) -> bool:
        return self.left > 0 and time.monotonic() < self.end

    def _take(self) -> bool:
        with self.lock:
            if not self._may_go_on():
                return False
            self.left -= 1
            return True


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="runs to disturb, within ten minutes")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="begin no run after nearly that long")
    options = parser.parse_args()
    sys.exit(Chaos(options.seed, options.count, options.threads, options.seconds).run())


if __name__ == "__main__":
    main()
