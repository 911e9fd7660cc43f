"""A day of a tree in virtual time: pushes, lost and late webhooks, hosts that are down or slow, restarts.

The decisions, the ledger and the parsers of webhooks are the listener's own. Looks and runs take virtual time.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from scorefly.listen import sources, units
from scorefly.listen.decision import Work, decide
from scorefly.listen.deliveries import accept
from scorefly.listen.hosts import SENDERS
from scorefly.listen.ledger import Ledger
from scorefly.listen.pending import PlannedUnit, record_plan
from scorefly.listen.planner import backoff
from scorefly.listen.repository_keys import repository_key
from scorefly.listen.settings import Project, Settings
from scorefly.listen.units import Outcome, Tree, Unit
from webhook_payloads import documented_push, examples

DAY = 86400.0
SENDING = ("github", "gitlab", "gitea", "forgejo", "bitbucket")
REF = "refs/heads/main"


@dataclass
class Host:
    """A git host. It cannot be read in the spans of `down`, and an answer takes `seconds`."""

    sender: str
    seconds: float = 0.3
    down: list[tuple[float, float]] = field(default_factory=list)

    def is_down(self, now: float) -> bool:
        return any(begin <= now < end for begin, end in self.down)


@dataclass
class Repository:
    """A repository with one branch. After a rename, webhooks name its new address."""

    host: Host
    url: str
    commit: int = 1
    pushed: dict[int, float] = field(default_factory=dict)
    renamed_to: str = ""

    @property
    def key(self) -> str:
        return repository_key(self.url)

    @property
    def value(self) -> str:
        return f"{self.commit:040x}"


@dataclass
class Day:
    """A simulation; `run` ends when the day is over and everything had time to settle."""

    root: Path
    seed: int = 0
    per_host: int = 2
    pushes: int = 150
    poll: float = 900.0
    failing: float = 0.05  # the share of runs that fail
    now: float = 1.0
    looks: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    waits: dict[str, float] = field(default_factory=dict)  # longest time from a push to its deploy, by unit
    deployed: dict[str, dict[str, int]] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)
    seen: dict[float, Callable[[], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.hosts = {sender: Host(sender) for sender in SENDING}
        self.hosts["gitlab"].down = [(20_000.0, 27_200.0), (50_000.0, 50_030.0)]
        self.hosts["bitbucket"].seconds = 45.0
        self.repositories = [
            Repository(host, f"https://{sender}.example.com/acme/app-{number}")
            for sender, host in self.hosts.items()
            for number in range(self.per_host)
        ]
        self.home = Repository(Host("github"), "https://github.example.com/acme/environments")
        self.follows = {f"unit-{number}": [repository] for number, repository in enumerate(self.repositories)}
        self.follows["everything"] = list(self.repositories)
        self.settings = Settings(Project(self.home.url), self.root, {}, poll=self.poll, parallel=2)
        self.ledger = Ledger(self.root)
        self.ledger.execute("PRAGMA synchronous=OFF")  # virtual crashes are not those of a disk
        self.work = Work()
        self._queue: list[tuple[float, int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._life = 0  # of the listener: what a dead one began has no end
        self._is_listening = False
        self._wake_at = 0.0

    def run(self) -> None:
        self._start()
        for _ in range(self.pushes):
            self._at(self.chance.uniform(60, DAY), self._push, always=True)
        noise = [(name, example) for name, example in examples() if name != "push"]
        for name, example in noise:
            headers, body = {"x-github-event": name}, json.dumps(example).encode()
            at = self.chance.uniform(60, DAY)
            self._at(at, partial(self._deliver, "github", headers, body), always=True)
        self._at(DAY / 2, self._rename, always=True)
        for crash in (10_000.0, 35_000.0, 65_000.0):
            self._at(crash, self._die, always=True)
            self._at(crash + 90.0, self._start, always=True)
        for moment, check in self.seen.items():
            self._at(moment, check, always=True)
        while self._queue and self._queue[0][0] < DAY + 3 * 3600.0:
            self.now, _, life, work = heapq.heappop(self._queue)
            if life in (0, self._life) and work is not self._wake:
                work()
                self._decide()
            elif life == self._life and self.now == self._wake_at:
                self._decide()
        self.ledger.close()

    def _at(self, moment: float, work: Callable[[], None], *, always: bool = False) -> None:
        heapq.heappush(self._queue, (moment, next(self._numbers), 0 if always else self._life, work))

    def _start(self) -> None:
        self._life += 1
        self._is_listening, self.work, self._wake_at = True, Work(), 0.0
        units.recover(self.ledger, self.now)
        sources.follow_root(self.ledger, self.home.url, "HEAD")

    def _die(self) -> None:
        self._is_listening = False

    def _rename(self) -> None:
        first = self.repositories[0]
        first.renamed_to = first.url.replace("app-0", "renamed")

    def _push(self) -> None:
        repository = self.chance.choice([*self.repositories, self.home])
        if repository.host.is_down(self.now):
            return
        repository.commit += 1
        repository.pushed[repository.commit] = self.now
        url = repository.renamed_to or repository.url
        headers, body = documented_push(repository.host.sender, url, REF, repository.value)

        def deliver() -> None:
            self._deliver(repository.host.sender, headers, body)

        fate = self.chance.random()
        if fate > 0.1:  # a tenth is lost
            self._at(self.now + self.chance.uniform(0.1, 5.0), deliver, always=True)
        if fate > 0.8:  # a fifth comes again, late
            self._at(self.now + self.chance.uniform(60.0, 7200.0), deliver, always=True)

    def _deliver(self, sender: str, headers: dict[str, str], body: bytes) -> None:
        if self._is_listening:
            is_due = accept(self.ledger, sender, SENDERS[sender].read(headers, body), self.now)
            self.verdicts["accepted" if is_due else "nothing to do"] += 1

    def _decide(self) -> None:
        if not self._is_listening:
            return
        due = decide(self.ledger, self.settings, self.work, self.now)
        for key in due.looks:
            self.work.looking.add(key)
            look = sources.begin_look(self.ledger, key)
            repository = next(each for each in (*self.repositories, self.home) if each.key == key)
            self._at(self.now + repository.host.seconds, partial(self._looked, look, repository))
        if due.reads_tree:
            self.work.reads_tree = True
            self._at(self.now + 2.0, self._read_tree)
        for name in due.runs:
            run = units.begin_run(self.ledger, name, self.now)
            assert run
            self.work.running.add(name)
            commits = {repository.key: repository.commit for repository in self.follows[name]}
            self._at(self.now + self.chance.uniform(10, 90), partial(self._ran, run, commits))
        for name in due.plans:
            planned = units.due_unit(self.ledger, name)
            if planned:
                record_plan(self.ledger, name, planned.generation, PlannedUnit({"apps": []}), self.now)
        wake_at = max(due.wake_at, self.now + 0.05)
        if not self.now < self._wake_at <= wake_at:
            self._wake_at = wake_at
            self._at(wake_at, self._wake)

    @staticmethod
    def _wake() -> None:
        """Stand for the moment at which the listener decides again."""

    def _looked(self, look: sources.Look, repository: Repository) -> None:
        self.work.looking.discard(look.key)
        self.looks[look.key] += 1
        if repository.host.is_down(self.now):
            sources.record_failed_look(self.ledger, look, "the repository cannot be read: HTTP 503", self.now)
            return
        seen = sources.Seen(dict.fromkeys(look.refs, repository.value), repository.renamed_to)
        sources.record_look(self.ledger, look, seen, self.now)
        if repository is self.home:
            self.work.awaits_look = False

    def _read_tree(self) -> None:
        follows = {name: tuple((each.url, REF) for each in of) for name, of in self.follows.items()}
        details = {"environment": "production"}
        tree = Tree(tuple(Unit(name, (), of, details) for name, of in follows.items()))
        units.replace_tree(self.ledger, (self.home.url, "HEAD"), self.home.value, tree)
        self.work.reads_tree = False

    def _ran(self, run: units.Run, commits: dict[str, int]) -> None:
        self.work.running.discard(run.unit)
        self.runs[run.unit] += 1
        hosts = [repository.host for repository in self.follows[run.unit]]
        has_failed = any(host.is_down(self.now) for host in hosts) or self.chance.random() < self.failing
        if not has_failed:
            self._measure(run.unit, commits)
            self.deployed[run.unit] = commits
        units.end_run(self.ledger, run, Outcome("failed", "HTTP 503") if has_failed else Outcome("ok"), self.now)

    def _measure(self, unit: str, commits: dict[str, int]) -> None:
        """Note how long the oldest push waited that this run deploys, not counting what no listener could see."""
        before = self.deployed.get(unit, {})
        downs = [end for repository in self.follows[unit] for _, end in repository.host.down if end <= self.now]
        for repository in self.follows[unit]:
            for commit in range(before.get(repository.key, repository.commit) + 1, commits[repository.key] + 1):
                begin = repository.pushed[commit]
                outage = max((end for end in downs if end > begin), default=0.0)
                self.waits[unit] = max(self.waits.get(unit, 0.0), self.now - max(begin, outage))

    @property
    def behind(self) -> list[str]:
        """Units that do not have the newest commits."""
        wanted = {name: {each.key: each.commit for each in of} for name, of in self.follows.items()}
        return [name for name, commits in wanted.items() if self.deployed.get(name) != commits]

    def longest_wait(self) -> float:
        """The bound on a push's wait: a poll, a back-off that begins anew, and the runs before it."""
        return self.poll + backoff(100) + 20 * 90.0
