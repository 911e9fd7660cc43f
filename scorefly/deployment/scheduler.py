"""Deploys several apps: in dependency order, `max-parallel` at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from scorefly import interruption
from scorefly.deployment.app_deployment import AppDeployment
from scorefly.deployment.fly_run import FlyRun
from scorefly.desired.order import longest_chains_first
from scorefly.problems import Problem, ScoreflyError
from scorefly.report.report import AppReport
from scorefly.state.keeper import Keeper

AHEAD = 8  # apps looked at and prepared at a time, beside those that are deployed
_BROKEN = ("failed", "skipped")


@dataclass(slots=True)
class DeploymentScheduler:
    """Deploys several apps, by name.

    Each app is prepared (what does no harm ahead of its turn), deployed (Machines replaced, when what it needs is
    there), and settled (remembered and tidied up, while those that need it go on already).
    """

    run: FlyRun
    jobs: Mapping[str, AppDeployment]
    done: dict[str, AppReport] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)
    waiting: list[str] = field(init=False)
    prepared: set[str] = field(default_factory=set)
    running: dict[Future[AppReport | None], tuple[str, str]] = field(default_factory=dict)
    replacing: int = 0  # how many apps get new Machines now
    is_broken: bool = False  # whether an app failed or was skipped
    finished: SimpleQueue[Future[AppReport | None]] = field(default_factory=SimpleQueue)

    def __post_init__(self) -> None:
        self.waiting = longest_chains_first({name: self._needs(name) for name in self.jobs})

    def deploy(self) -> list[AppReport]:
        """Deploys each app as soon as those it needs are there, `max-parallel` at a time."""
        pool = ThreadPoolExecutor(self.run.settings.max_parallel + AHEAD, thread_name_prefix="deploy")
        try:
            for name in self.waiting:
                job, needs = self.jobs[name], self._needs(name)
                self.run.progress.app(name, f"waiting for {', '.join(needs)}" if needs else "waiting", "waiting")
                self._start(pool, name, "prepare", job.prepare)
            while self.running:
                try:
                    future = self.finished.get(timeout=interruption.WAKE)
                except Empty:
                    interruption.check()
                    continue
                interruption.check()
                self._ended(future, pool)
                self._begin(pool)
        finally:
            self.run.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
        return [self.done[name] for name in self.jobs]

    def _start(self, pool: ThreadPoolExecutor, name: str, step: str, work: Callable[[], AppReport | None]) -> None:
        future = pool.submit(self.jobs[name].attempt, work)
        self.running[future] = (name, step)
        future.add_done_callback(self.finished.put)

    def _ended(self, future: Future[AppReport | None], pool: ThreadPoolExecutor) -> None:
        name, step = self.running.pop(future)
        self.replacing -= step == "replace_machines"
        report = future.result()
        if report is not None:
            self.done[name] = report
            self.is_broken |= report.status in _BROKEN
            self.waiting = [each for each in self.waiting if each != name]
            self.run.progress.app(name, report.status, "ended")
        elif step == "prepare":
            self.prepared.add(name)
        else:
            self.there.add(name)
            self._start(pool, name, "settle", self.jobs[name].record_result)

    def _begin(self, pool: ThreadPoolExecutor) -> None:
        """Starts what can be started, and keeps room for what others wait for and is nearly prepared.

        What needs an app that failed is skipped, and so is what needs that.
        """
        room = self.run.settings.max_parallel - self.replacing
        for name in tuple(self.waiting):
            if room <= 0 and not self.is_broken:
                return
            job, needs = self.jobs[name], self._needs(name)
            broken = [need for need in needs if self._is_broken(need)]
            if broken and name in self.prepared:
                self.waiting.remove(name)
                self.done[name] = self._skipped(job, broken)
            elif room > 0 and not broken and all(need in self.there or need in self.done for need in needs):
                room -= 1
                if name in self.prepared:
                    self.waiting.remove(name)
                    self.replacing += 1
                    self._start(pool, name, "replace_machines", job.replace_machines)

    def _needs(self, name: str) -> tuple[str, ...]:
        """The apps of this run that have to be deployed before another one."""
        return tuple(need for need in self.jobs[name].app.needs if need in self.jobs)

    def _is_broken(self, name: str) -> bool:
        return name not in self.there and name in self.done and self.done[name].status in _BROKEN

    def _skipped(self, job: AppDeployment, broken: Sequence[str]) -> AppReport:
        name = job.app.name
        problem = Problem(
            f"{name} was not deployed, because it needs {', '.join(broken)}", "fix that, and deploy again"
        )
        self.run.progress.app(name, f"skipped, because {', '.join(broken)} failed", "ended")
        return job.not_deployed("skipped", problem)


def save_the_rest(keeper: Keeper, outcomes: Sequence[AppReport]) -> None:
    """Save what no one waited for. Where that fails and an app did too, the report of it all matters more."""
    try:
        keeper.save()
    except ScoreflyError:
        if not any(outcome.status == "failed" for outcome in outcomes):
            raise
