"""Deliveries of all senders, good and bad, from many clients, while the listener and its children are killed."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import signal
import socket
import sqlite3
import threading
import time
from collections import Counter
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from listeners import SECRETS, Environments, Listener, children, listening, push_payload, signed, standin_tree

BAD = ("forged", "oversized", "truncated", "slow", "deep", "unsigned")
CLIENTS = 16
LIFE, CHILD_PATIENCE = 0.3, 2.0  # seconds
PACE = 0.95  # of the time: the last answers come after the last deliveries


@dataclass
class Load:
    """One run of the load, and what came of it."""

    root: Path
    deliveries: int
    kills: int
    seconds: float
    units: tuple[str, ...] = ("staging", "production", "qa")
    argv: tuple[str, ...] = ()
    accepted: list[str] = field(default_factory=list)
    forged_accepted: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    peak: int = 0  # KiB of PSS, without children
    child_peak: int = 0
    pushes: int = 1
    killed: int = 0
    killed_children: int = 0
    took: float = 0.0

    def run(self) -> None:
        """Send everything, kill as often as asked, and wait until the last commit is deployed everywhere."""
        self.environments = Environments.create(self.root / "git", standin_tree(*self.units))
        self._numbers = iter(range(self.deliveries))
        self._lock, self._ended, self._open = threading.Lock(), threading.Event(), threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        began = time.monotonic()
        clients = [threading.Thread(target=self._client, args=(number,)) for number in range(CLIENTS)]
        watcher = threading.Thread(target=self._watch)
        pusher = threading.Thread(target=self._push)
        self._pid = 0
        for kill in range(self.kills + 1):
            with self._listening() as listener:
                self._pid = listener.process.pid
                if not kill:
                    for thread in (*clients, watcher, pusher):
                        thread.start()
                self._open.set()
                # It answers for a moment at least before it is killed, however long it took to start.
                until = max(began + self.seconds * (kill + 1) / (self.kills + 1), time.monotonic() + LIFE)
                while self._goes_on(kill, until) and any(client.is_alive() for client in clients):
                    self._ended.wait(0.05)
                    self._kill_child(kill)
                if kill < self.kills:
                    os.kill(listener.process.pid, signal.SIGKILL)
                    self._open.clear()
                    self.killed += 1
                    listener.process.wait()
                    continue
                for client in clients:
                    client.join()
                self.took = time.monotonic() - began
                self._ended.set()
                pusher.join()
                watcher.join()
                self.commit = self.environments.push()
                listener.post(
                    "generic", *signed("generic", push_payload("generic", self.environments.url)), "127.0.9.9"
                )
                for unit in self.units:
                    listener.wait_for_commit(unit, self.commit)
                listener.end()

    def _listening(self) -> AbstractContextManager[Listener]:
        options = (f"--port={self._port}", "--read-timeout=2s", "--poll=5s")
        return listening(self.environments.url, self.root / "data", *options, argv=self.argv)

    @property
    def deploys(self) -> Counter[str]:
        """How often each commit was deployed to each unit."""
        return Counter((self.root / "deploys").read_text().splitlines())

    @property
    def runs(self) -> Counter[str]:
        """Runs by environment."""
        calls = [json.loads(line) for line in (self.root / "deploys.calls").read_text().splitlines()]
        return Counter(call[2] for call in calls if call[0] == "sync")

    @property
    def lost(self) -> set[str]:
        """Accepted deliveries that the ledger does not have."""
        with sqlite3.connect(self.root / "data/ledger.sqlite3") as database:
            kept = {row[0] for row in database.execute("SELECT ref FROM deliveries")}
        return set(self.accepted) - kept

    def _goes_on(self, kill: int, until: float) -> bool:
        """Whether a listener lives on: until its time is over, and a while longer for a run to kill."""
        has_killed = self.killed_children > kill or kill >= self.kills
        return time.monotonic() < until + (0 if has_killed else CHILD_PATIENCE)

    def _kill_child(self, kill: int) -> None:
        if self.killed_children > kill or self.killed_children >= self.kills:
            return
        for pid in children(self._pid):
            with suppress(OSError):
                if b"sync" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)
                    self.killed_children += 1
                    return

    def _push(self) -> None:
        while not self._ended.wait(max(self.seconds / 10, 0.5)):
            self.environments.push()
            self.pushes += 1

    def _watch(self) -> None:
        while not self._ended.wait(0.2):
            self.peak = max(self.peak, pss(self._pid))
            self.child_peak = max([self.child_peak, *(pss(child) for child in children(self._pid))])

    def _client(self, number: int) -> None:
        chance = random.Random(number)
        good, bad = f"127.1.0.{number + 1}", (f"127.2.{number + 1}.{last}" for last in itertools.cycle(range(1, 255)))
        while True:
            with self._lock:
                delivery = next(self._numbers, None)
            if delivery is None:
                return
            pause = PACE * self.seconds * (delivery + 1) / self.deliveries - (time.monotonic() - self._began)
            self._ended.wait(max(pause, 0))
            self._open.wait(20)  # what is sent to nobody shows nothing
            kind = chance.choice(BAD) if delivery % 5 == 0 else "good"
            self._deliver(delivery, kind, chance.choice(list(SECRETS)), good if kind == "good" else next(bad))

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    def _deliver(self, number: int, kind: str, sender: str, client: str) -> None:
        ref = f"refs/heads/n{number}"
        body, headers = signed(sender, push_payload(sender, self.environments.url, ref))
        if kind == "forged":
            body, headers = signed(sender, body, "whsec_" + "A" * 40 if sender == "generic" else "a-wrong-secret")
        elif kind == "unsigned":
            headers = {}
        elif kind == "oversized":
            headers = {**headers, "Content-Length": str(6 << 20)}
        elif kind == "deep":
            body, headers = signed(sender, b"[" * 1_000_000)
        began = time.monotonic()
        status = self._send(sender, kind, body, headers, client)
        self.statuses[f"{kind} {status}"] += 1
        if status == 202 and kind == "good":
            self.times.append(time.monotonic() - began)
            self.accepted.append(ref)
        elif status == 202:
            self.forged_accepted += 1

    def _send(self, sender: str, kind: str, body: bytes, headers: dict[str, str], client: str) -> int:
        """One delivery, sent once as git hosts do. Returns 0 when there is no answer."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20, source_address=(client, 0))
            connection.putrequest("POST", f"/hooks/{sender}")
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                connection.putheader(name, value)
            connection.endheaders()
            cut = kind in ("truncated", "slow")
            connection.send(body[: len(body) // 2] if cut else body)
            if kind == "truncated":
                connection.close()
                return 0
            status = connection.getresponse().status
            connection.close()
        except (OSError, http.client.HTTPException):
            return 0
        return status


def pss(pid: int) -> int:
    """The memory of a process in KiB; what it shares is divided."""
    with suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{pid}/smaps_rollup").read_text().split("Pss:")[1].split()[0])
    return 0
