"""Breaks runs by faults, kills and races at random places, and checks that the next run puts everything right.

Deploys, scaling, certificates, managed databases, rollbacks, upgrades, cleanups, previews and trees run against the
rehearsal, with state in a file or on a git server. Answers of Fly, of git and of GitHub are lost or spoilt, the run is
killed or interrupted, or runs twice at once. Each time the same command then runs without a fault, and everything has
to be as after a run that was never disturbed. `SCOREFLY_TEST_FLYCTL` names a real flyctl to deploy with.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import fork_server
import github_server
from chaos_scenarios import SCENARIOS, TOKEN, Counted, Project, Step, open_project
from scorefly.rehearsal.faults import WORDS, Fault

SECONDS = 600
BAD_WORDS = ("has a fault", "internal error", "Traceback")
LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8,}|scorefly-.*")
STATUSES = (0, 408, 429, 500, 502, 503, 504)
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
# The last two before a run has handlers of its own.
CODES = (0, 1, -signal.SIGKILL, 128 + signal.SIGINT, 128 + signal.SIGTERM, -signal.SIGINT, -signal.SIGTERM)
GITHUB_SPOILT = (b"", b"null", b"[1, {}]", b'{"message":', b"<!doctype html>")


@dataclass(frozen=True)
class Reference:
    """A step that nothing disturbed: its seconds, its requests, and what was there after it."""

    seconds: float
    fly: list[tuple[str, str]]
    git: list[Any]
    sources: list[Any]
    github: list[tuple[str, str]]
    shape: dict[str, Any]


@dataclass
class Disturbance:
    """A name, whether it had an effect, and how it ends."""

    name: str
    undo: Callable[[], None]
    happened: Callable[[], bool] = field(default=lambda: True)


def measure(name: str, *, on_git: bool) -> list[Reference]:
    """Run a scenario without disturbance."""
    found = []
    with ExitStack() as stack:
        project = open_project(stack, on_git=on_git)
        for step in SCENARIOS[name]():
            step.prepare(project)
            for each in project.servers:
                each.requests = Counted()
            started = time.monotonic()
            ended = step.run(project)
            assert ended.code == 0, "\n".join(project.said)
            seconds = time.monotonic() - started
            fly, server, sources, github = (list(each.requests) for each in project.servers)
            found.append(Reference(seconds, fly, server, sources, github, project.shape()))
            for each in project.servers:
                each.requests = Counted()
    return found


def disturb(project: Project, step: Step, expected: Reference, draw: random.Random) -> Disturbance:
    """Prepare one disturbance of the next run."""
    kind = draw.choice(("signal", "signal", "later", "race", "fault", "fault", "fault", "fault", "git", "github"))
    signals = draw.choice(SIGNALS)
    project.processes.clear()
    if kind == "later":
        timer = threading.Timer(draw.uniform(0.05, expected.seconds), project.signal, [signals])
        timer.start()
        return Disturbance(f"{signals.name} at a random time", timer.cancel, lambda: False)
    if kind == "race":
        second = threading.Thread(target=step.run, args=[project])
        delayed = threading.Timer(draw.uniform(0, expected.seconds), second.start)
        delayed.start()

        def finish() -> None:
            delayed.join()
            second.join()

        return Disturbance("race of two runs", finish)
    if kind == "github" and expected.github:
        return _at_github(project, expected, draw)
    if kind == "git" and (expected.git or expected.sources):
        server = project.server if expected.git else project.sources
        path = draw.choice(("git-receive-pack", "git-upload-pack"))
        server.faults += [(path, draw.choice((500, 502, 503)))] * draw.randint(1, 3)
        return Disturbance("a fault of git", server.faults.clear, lambda: len(server.faults) < 3)
    if kind == "signal":
        expectations: tuple[list[Any], ...] = (expected.fly, expected.git, expected.sources, expected.github)
        pairs = list(zip(("Fly", "git", "sources", "GitHub"), project.servers, expectations, strict=True))
        where, target, requests = draw.choice([each for each in pairs if each[2]])
        at = draw.randint(1, len(requests))
        target.requests = Counted(at, lambda: project.signal(signals))

        def undo() -> None:
            target.requests = Counted()

        return Disturbance(f"{signals.name} at request {at} of {where}", undo, lambda: False)
    return _at_fly(project, expected, draw)


def _at_fly(project: Project, expected: Reference, draw: random.Random) -> Disturbance:
    method = draw.choice(("*", "*", *sorted({each[0] for each in expected.fly})))
    count = sum(method in ("*", each[0]) for each in expected.fly)
    fault = Fault(method, "*", times=draw.choice((1, 1, 1, 2, 5)), first=draw.randint(1, max(1, count)))
    kind = draw.choice((*WORDS, *map(str, STATUSES), "late"))
    if kind.isdecimal():
        fault.status = int(kind)
    else:
        fault.kind, fault.delay = kind, 1.0 if kind == "late" else 0.0
    times = fault.times
    project.fly.faults.append(fault)
    name = f"{method} {kind} x{times} at Fly's {fault.first}"
    return Disturbance(name, project.fly.faults.clear, lambda: fault.times < times)


def _at_github(project: Project, expected: Reference, draw: random.Random) -> Disturbance:
    method, path = draw.choice(expected.github)
    status = draw.choice((0, 200, 200, 202, 403, 404, 422, 429, 500, 502, 503))
    raw = draw.choice(GITHUB_SPOILT) if status == 200 else b""
    headers = {"Retry-After": "1"} if status in (403, 429) else {}
    fault = github_server.Fault(method, re.escape(path), status, draw.choice((1, 1, 2)), raw=raw, headers=headers)
    if status == 200 and not raw:
        fault.raw = b" "
    times = fault.times
    project.github.faults.append(fault)
    what = f"GitHub's {method} {path} {status} {raw!r} x{times}"
    return Disturbance(what, project.github.faults.clear, lambda: fault.times < times)


def check(project: Project, step: Step, ended: fork_server.Ended, expected: Reference) -> list[str]:
    """Compare what is there after the run that was not disturbed with what has to be. Returns the differences."""
    done = step.done and step.done in ended.err
    problems = [f"exit status {ended.code}"] if ended.code and not done else []
    said = "\n".join(project.said)
    problems += [f"says {word!r}" for word in BAD_WORDS if word in said]
    passwords = project.given_passwords()
    hidden = {TOKEN, project.key, github_server.TOKEN, *passwords.values(), *project.passwords.values()} - {""}
    masked = re.sub(r"::add-mask::.*", "", said)
    problems += ["shows a secret" for secret in hidden if secret in masked]
    if (shape := project.shape()) != expected.shape:
        names = {name for name in {*shape, *expected.shape} if shape.get(name) != expected.shape.get(name)}
        problems += [f"{name} is {shape.get(name)}, not {expected.shape.get(name)}" for name in sorted(names)]
    problems += [
        f"changed the password {name}"
        for name, password in project.passwords.items()
        if passwords.get(name, password) != password
    ]
    servers = [secret for name, secret in passwords.items() if "_PASSWORD" in name]
    problems += [
        f"{name} has another password than its server"
        for name, secret in passwords.items()
        if name.endswith(" CACHE") and not any(each in secret for each in servers)
    ]
    refs = [ref for ref in project.bare.refs if ref.startswith(("refs/scorefly-locks", "refs/scorefly-recovery"))]
    problems += [f"left {ref}" for ref in refs]
    places = (project.workspace / ".scorefly", project.folder / "tmp")
    left = [path.name for place in places for path in place.rglob("*") if LEFTOVER.fullmatch(path.name)]
    return problems + [f"left the file {name}" for name in left]


def once(project: Project, step: Step, expected: Reference, draw: random.Random) -> tuple[str, bool, list[str]]:
    """Disturb one step and repeat it. Returns what was done, whether it had an effect, and what is wrong then."""
    project.said.clear()
    step.prepare(project)
    project.passwords = project.given_passwords()
    disturbance = disturb(project, step, expected, draw)
    ended = step.run(project)
    disturbance.undo()
    killed = ended.code == -signal.SIGKILL
    if killed:
        # What a killed git has sent arrives, too.
        time.sleep(1 if project.on_git else 0)
        shutil.rmtree(project.folder / "tmp", ignore_errors=True)
        _unlock(project)
    outcome = {0: "survived", 1: "failed", -signal.SIGKILL: "killed"}.get(ended.code, "interrupted")
    what = f"{outcome}: {disturbance.name}"
    effective = ended.code != 0 or disturbance.happened()
    if ended.code not in CODES and not (step.done and step.done in ended.err):
        return what, effective, [f"exit status {ended.code} of the run that was disturbed"]
    problems = check(project, step, step.run(project), expected)
    if not problems and step.settles and draw.random() < 0.2:
        again = step.run(project)
        if again.code or any(word in again.out.splitlines()[-1] for word in ("deployed", "created", "removed")):
            problems = [f"a third run finds more to do: {again.out.splitlines()[-1:]}"]
    return what, effective, problems


def _unlock(project: Project) -> None:
    """A lock on git outlives a run that was killed, until it expires or somebody unlocks."""
    for name in [ref.rpartition("/")[2] for ref in project.bare.refs if ref.startswith("refs/scorefly-locks")]:
        project.run("state", "unlock", environment=name)


class Chaos:
    """Trials by several threads, each with projects of its own."""

    def __init__(self, seed: int, count: int, threads: int, seconds: float, scenarios: list[str]) -> None:
        self.seed, self.left, self.threads, self.scenarios = seed, count, threads, scenarios
        self.end = time.monotonic() + seconds * 0.95
        self.lock = threading.Lock()
        self.references: dict[tuple[str, bool], list[Reference]] = {}
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
        draw = random.Random(f"{self.seed}/{number}")
        scenarios = list(self.scenarios)
        draw.shuffle(scenarios)
        at = 0
        while self._may_go_on():
            name, on_git = scenarios[at % len(scenarios)], draw.random() < 0.5
            expected = self._reference(name, on_git=on_git)
            with ExitStack() as stack:
                self._try(open_project(stack, on_git=on_git), name, expected, draw)
            at += 1

    def _try(self, project: Project, name: str, expected: list[Reference], draw: random.Random) -> None:
        for number, (step, reference) in enumerate(zip(SCENARIOS[name](), expected, strict=True)):
            if not self._take():
                return
            what, effective, problems = once(project, step, reference, draw)
            with self.lock:
                self.tally[f"{name}: {what.partition(':')[0]}" if effective else "without effect"] += 1
                if problems:
                    self.failures.append(what)
                    state = "git" if project.on_git else "file"
                    print(f"FAILED {name} step {number}, {what} (state in {state}): {'; '.join(problems)}")
                    print("\n".join(f"    {line}" for said in project.said for line in said.splitlines()))
                    sys.stdout.flush()
                    return

    def _reference(self, name: str, *, on_git: bool) -> list[Reference]:
        with self.lock:
            if (name, on_git) not in self.references:
                self.references[name, on_git] = measure(name, on_git=on_git)
            return self.references[name, on_git]

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
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS), help="default: all")
    options = parser.parse_args()
    scenarios = options.scenario or list(SCENARIOS)
    sys.exit(Chaos(options.seed, options.count, options.threads, options.seconds, scenarios).run())


if __name__ == "__main__":
    main()
