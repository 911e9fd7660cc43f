"""The service: decides what to look at and what to run, and does so until it is told to end."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from scorefly.listen import sources, units
from scorefly.listen.decision import PARALLEL_LOOKS, Due, Work, decide
from scorefly.listen.ledger import Ledger
from scorefly.listen.ledger_thread import LedgerThread
from scorefly.listen.metrics import Metrics
from scorefly.listen.orphans import end_processes, process_started
from scorefly.listen.pending import record_plan
from scorefly.listen.planner import backoff
from scorefly.listen.repository_keys import repository_key
from scorefly.listen.runner import Runner
from scorefly.listen.settings import Settings
from scorefly.problems import ScoreflyError

RETRY_LEDGER = 2.0  # seconds
BURST_SECONDS = 0.02

T = TypeVar("T")


class Service:
    """Looks, runs and their bookkeeping. Everything but `run` is called on its event loop."""

    def __init__(
        self,
        settings: Settings,
        ledger: LedgerThread,
        argv: tuple[str, ...],
        redact: Callable[[str], str],
        log: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.ledger = ledger
        self.metrics = Metrics()
        self.redact = redact
        self.log = log
        self.stopping = False
        self.last_poll = 0.0  # when the project's repository could be read the last time
        self._interrupting = False
        self._runner = Runner(settings, argv, redact, lambda: self._interrupting, lambda: self.stopping)
        self._root = repository_key(settings.project.url)
        self._work = Work()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(settings.parallel + PARALLEL_LOOKS + 2, "work")

    async def prepare(self) -> None:
        """Recover from the last end, and make every repository due for a look."""
        lost = await self.ledger.call(units.recover, time.time())
        if lost:
            await self._in_thread(end_processes, lost)
        await self.ledger.call(sources.follow_root, self.settings.project.url, self.settings.project.ref)

    async def run(self) -> None:
        """Start what is due until the service stops; then wait for what is under way."""
        while not self.stopping:
            delay = 1.0
            try:
                due = await self.ledger.call(decide, self.settings, self._work, time.time())
                self._start(due)
                delay = due.wake_at - time.time()
            except sqlite3.Error as error:
                self.log(f"ledger: {error}")
                delay = RETRY_LEDGER
            await self._sleep(delay)
        while self._tasks:
            await asyncio.wait(self._tasks, timeout=0.2)
        self._threads.shutdown()

    def wake(self) -> None:
        """Decide again, because something happened."""
        self._wake.set()

    def stop(self) -> None:
        """Start nothing any more; let runs end within the kill timeout, and interrupt them then."""
        if self.stopping:
            self._interrupting = True
            return
        self.stopping = True
        self.wake()
        asyncio.get_running_loop().call_later(self.settings.kill_timeout, self.interrupt)

    def interrupt(self) -> None:
        """Interrupt what still runs; it is resumed after the next start."""
        self._interrupting = True

    async def request_units(self, names: list[str] | None) -> tuple[str, ...]:
        """Make units due at the newest commits, all of them when none is named. Returns those that exist."""
        self._work.awaits_look = True
        known = await self.ledger.call(units.request, names)
        self.wake()
        return known

    @property
    def is_busy(self) -> bool:
        """Decide whether a unit runs."""
        return bool(self._work.running)

    def _start(self, due: Due) -> None:
        for key in due.looks:
            self._work.looking.add(key)
            self._spawn(self._look(key))
        if due.reads_tree:
            self._work.reads_tree = True
            self._spawn(self._read_tree())
        for name in due.runs:
            self._work.running.add(name)
            self._spawn(self._run(name))
        for name in due.plans:
            self._work.planning.add(name)
            self._spawn(self._plan(name))

    async def _look(self, key: str) -> None:
        try:
            look = await self.ledger.call(sources.begin_look, key)
            try:
                seen = await self._in_thread(self._runner.look, look)
            except ScoreflyError as error:
                if self.stopping:
                    return
                message = self.redact(str(error))
                self.log(f"look at {key}: {message}")
                self.metrics.looks.labels("failed").inc()
                await self.ledger.call(sources.record_failed_look, look, message, time.time())
                return
            changed = await self.ledger.call(sources.record_look, look, seen, time.time())
            self.metrics.looks.labels("changed" if changed else "unchanged").inc()
            if key == self._root:
                self.last_poll = time.time()
                self._work.tree_not_before = 0.0 if changed else self._work.tree_not_before
                self._work.tree_attempts = 0 if changed else self._work.tree_attempts
            for ref in changed:
                self.log(f"look at {key}: {ref} is at {seen.values[ref][:12] or 'nothing: it is gone'}")
        finally:
            self._work.looking.discard(key)
            self._work.awaits_look = self._work.awaits_look and key != self._root

    async def _read_tree(self) -> None:
        try:
            commit, tree = await self._in_thread(self._runner.read_tree)
            project = (self.settings.project.url, self.settings.project.ref)
            await self.ledger.call(units.replace_tree, project, commit, tree)
            self._work.tree_attempts, self._work.tree_not_before = 0, 0.0
            self.log(f"tree: {len(tree.units)} units at {commit[:12]}")
        except ScoreflyError as error:
            if self.stopping:
                return
            message = self.redact(str(error))
            self._work.tree_attempts += 1
            self._work.tree_not_before = time.time() + backoff(self._work.tree_attempts)
            self.log(f"tree: {message}")
            await self.ledger.call(Ledger.put, "tree_error", message[:2000])
        finally:
            self._work.reads_tree = False

    async def _run(self, name: str) -> None:
        try:
            run = await self.ledger.call(units.begin_run, name, time.time())
            if run is None:
                return
            names = await self.ledger.call(units.environments)
            commit = await self.ledger.call(Ledger.get, "tree")
            began = time.monotonic()
            loop = asyncio.get_running_loop()

            def note(pid: int) -> None:
                noted = self.ledger.call(units.note_process, run, pid, process_started(pid))
                asyncio.run_coroutine_threadsafe(noted, loop)

            self.log(f"run {run.id} of {name}: began")
            environment, others = names.get(name, ""), set(names.values())
            try:
                outcome = await self._in_thread(self._runner.run, run, commit, environment, others, note)
            except Exception as error:  # noqa: BLE001 - a run that began is recorded, whatever ended it
                outcome = units.Outcome("failed", f"internal error: {type(error).__name__}: {self.redact(str(error))}")
            await self._end(run, outcome)
            seconds = time.monotonic() - began
            self.metrics.runs.labels(outcome.status).inc()
            self.metrics.run_seconds.observe(seconds)
            self.log(f"run {run.id} of {name}: {outcome.status} after {seconds:.1f} s {outcome.reason}".rstrip())
        finally:
            self._work.running.discard(name)

    async def _plan(self, name: str) -> None:
        """Find out what would change in a unit that cannot run yet."""
        try:
            due = await self.ledger.call(units.due_unit, name)
            if due is None:
                return
            names = await self.ledger.call(units.environments)
            commit = await self.ledger.call(Ledger.get, "tree")
            environment, others = names.get(name, ""), set(names.values())
            planned = await self._in_thread(self._runner.plan, due, commit, environment, others)
            if planned:
                await self.ledger.call(record_plan, name, due.generation, planned, time.time())
        finally:
            self._work.planning.discard(name)

    async def _end(self, run: units.Run, outcome: units.Outcome) -> None:
        """Record an outcome, however long the disk is full."""
        while True:
            try:
                notify = bool(self.settings.notify)
                await self.ledger.call(units.end_run, run, outcome, time.time(), notify=notify)
            except sqlite3.Error as error:
                self.log(f"ledger: {error}")
                if self._interrupting:
                    return
                await asyncio.sleep(RETRY_LEDGER)
            else:
                return

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: function(*arguments))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Let nothing that fails end the service. What was due stays due."""
        try:
            await work
        except sqlite3.Error as error:
            self.log(f"ledger: {error}")
            await asyncio.sleep(RETRY_LEDGER)
        except Exception as error:  # noqa: BLE001 - one look or run must not end all others
            self.log(f"internal error: {type(error).__name__}: {self.redact(str(error))}")
            await asyncio.sleep(RETRY_LEDGER)
        finally:
            self.wake()

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(min(max(seconds, 0.0), 60.0)):
                await self._wake.wait()
                # A burst of events is one decision.
                await asyncio.sleep(BURST_SECONDS)
        except TimeoutError:
            pass
        self._wake.clear()
