"""`deploy`: brings the wanted apps to Fly, in dependency order, several at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from msgspec.structs import replace

from scorefly import interruption
from scorefly.config.settings import Settings
from scorefly.deployment.app_deployment import AppDeployment
from scorefly.deployment.certificates import CertificateStep
from scorefly.deployment.connection import SharedFly, connect
from scorefly.deployment.image_builds import ImageBuilds
from scorefly.deployment.live import app_names, list_machines
from scorefly.deployment.networks import environment_network, unreachable_apps
from scorefly.deployment.newest_commit import commit_order, superseded
from scorefly.deployment.shared_servers import databases_of, ensure_databases
from scorefly.deployment.state_guard import refuse_unknown_apps
from scorefly.desired.apps import save_and_write_artefacts
from scorefly.desired.artefacts import shown_folder
from scorefly.desired.load import load
from scorefly.desired.mutable_tags import mutable_tag_notices
from scorefly.desired.order import longest_chains_first
from scorefly.desired.resolved_apps import compute_resolved_apps
from scorefly.desired.stand_ins import with_stand_in_variables
from scorefly.fly.app import Build
from scorefly.problems import Problem, ScoreflyError
from scorefly.report.progress import Progress
from scorefly.report.report import AppReport, Report
from scorefly.run import Run
from scorefly.state.keeper import Keeper

AHEAD = 8  # apps looked at and prepared at a time, beside those that are deployed
_BROKEN = ("failed", "skipped")


def deploy(run: Run, shared: SharedFly | None = None) -> Report:
    """Generates, then creates or updates every app that is not as wanted; one that fails stops only its users.

    `shared` is what it shares with other deploys of the same sync.
    """
    loaded, missing = load(run.settings), list[Problem]()
    found = commit_order(run.settings, loaded, run.state)
    for problem in found.problems:
        run.progress.problem(problem)
    if report := superseded(run.settings, loaded, run.state, found):
        return report
    for problem in found.notices:
        run.progress.problem(problem)
    if run.settings.untrusted:
        settings, missing = with_stand_in_variables(run.settings, loaded)
        run = replace(run, settings=settings)
    with connect(run.settings, run.keeper, shared) as connection:
        names = app_names(run.settings, loaded, run.state)
        live = list_machines(run.settings, connection.api, names, shared)
        refuse_unknown_apps(run.settings, loaded, run.state, live)
        wanted, unresolved = compute_resolved_apps(run, loaded, connection.api, connection.registries, missing)
        save_and_write_artefacts(run, loaded, wanted)
        connection.deployer.check()
        if any(isinstance(app.image, Build) for app in wanted.apps):
            connection.builder.check()
        stop = threading.Event()
        builds = ImageBuilds(run.settings)
        network = environment_network(run.settings, run.state)
        unreachable = list(unreachable_apps(wanted.apps, run.state, network))
        for problem in unreachable:
            run.progress.problem(problem)
        ours = [run.state.resources[each.uid] for each in wanted.resources if each.uid in run.state.resources]
        if (databases := databases_of(ours)) and not (run.settings.dry_run or run.settings.untrusted):
            ensure_databases(run.settings, run.progress, connection, databases, network, stop)
        for server in sorted({each.server for each in databases}):
            notice = f"databases are on {server}, which all previews share: it is reached at {server}.flycast"
            unreachable.append(Problem(notice, severity="notice"))
            run.progress.problem(unreachable[-1])
        jobs = [
            AppDeployment(
                run,
                connection,
                app,
                tuple(live.get(app.name, ())),
                stop,
                builds,
                found,
                network=network,
            )
            for app in wanted.apps
        ]
        outcomes = Deployment(run.settings, run.progress, stop, {job.app.name: job for job in jobs}).run()
        certified = CertificateStep(run, connection.api).apply(
            wanted.apps, outcomes, skip={*found.newer_apps, *found.rolled_back}
        )
    outcomes = list(certified.apps)
    save_the_rest(run.keeper, outcomes)
    unchanged = {each.app for each in outcomes if each.status == "unchanged"} - set(found.newer_apps)
    tags = [*unresolved, *mutable_tag_notices(app for app in wanted.apps if app.name in unchanged and not app.pinned)]
    for problem in tags:
        run.progress.problem(problem)
    return Report(
        command=run.settings.command,
        environment=run.settings.environment,
        apps=tuple(outcomes),
        resources=wanted.resources,
        problems=(*found.problems, *found.notices, *wanted.problems, *unreachable, *_warnings(jobs), *tags),
        findings=certified.findings,
        certificates=certified.certificates,
        artefacts=shown_folder(run.settings, ""),
        rehearsed=run.settings.rehearse,
        dry_run=run.settings.dry_run,
    )


@dataclass(slots=True)
class Deployment:
    """One deploy of several apps, by name.

    Each app is prepared (what does no harm ahead of its turn), deployed (Machines replaced, when what it needs is
    there), and settled (remembered and tidied up, while those that need it go on already).
    """

    settings: Settings
    progress: Progress
    stop: threading.Event
    jobs: Mapping[str, AppDeployment]
    done: dict[str, AppReport] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)
    waiting: list[str] = field(init=False)
    prepared: set[str] = field(default_factory=set)
    running: dict[Future[AppReport | None], tuple[str, str]] = field(default_factory=dict)
    brought: int = 0  # how many are being brought now
    is_broken: bool = False  # whether an app failed or was skipped
    finished: SimpleQueue[Future[AppReport | None]] = field(default_factory=SimpleQueue)

    def __post_init__(self) -> None:
        self.waiting = longest_chains_first({name: self._needs(name) for name in self.jobs})

    def run(self) -> list[AppReport]:
        """Deploys each app as soon as those it needs are there, `max-parallel` at a time."""
        pool = ThreadPoolExecutor(self.settings.max_parallel + AHEAD, thread_name_prefix="deploy")
        try:
            for name in self.waiting:
                job = self.jobs[name]
                needs = self._needs(name)
                self.progress.app(name, f"waiting for {', '.join(needs)}" if needs else "waiting", "waiting")
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
            self.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
        return [self.done[name] for name in self.jobs]

    def _start(self, pool: ThreadPoolExecutor, name: str, step: str, work: Callable[[], AppReport | None]) -> None:
        future = pool.submit(self.jobs[name].attempt, work)
        self.running[future] = (name, step)
        future.add_done_callback(self.finished.put)

    def _ended(self, future: Future[AppReport | None], pool: ThreadPoolExecutor) -> None:
        name, step = self.running.pop(future)
        self.brought -= step == "replace_machines"
        report = future.result()
        if report is not None:
            self.done[name] = report
            self.is_broken |= report.status in _BROKEN
            self.waiting = [each for each in self.waiting if each != name]
            self.progress.app(name, report.status, "ended")
        elif step == "prepare":
            self.prepared.add(name)
        else:
            self.there.add(name)
            self._start(pool, name, "settle", self.jobs[name].record_result)

    def _begin(self, pool: ThreadPoolExecutor) -> None:
        """Starts what can be started, and keeps room for what others wait for and is nearly prepared.

        What needs an app that failed is skipped, and so is what needs that.
        """
        room = self.settings.max_parallel - self.brought
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
                    self.brought += 1
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
        self.progress.app(name, f"skipped, because {', '.join(broken)} failed", "ended")
        return job.not_deployed("skipped", problem)


def _warnings(jobs: Sequence[AppDeployment]) -> Iterator[Problem]:
    for job in jobs:
        yield from job.warnings


def save_the_rest(keeper: Keeper, outcomes: Sequence[AppReport]) -> None:
    """Save what no one waited for. Where that fails and an app did too, the report of it all matters more."""
    try:
        keeper.save()
    except ScoreflyError:
        if not any(outcome.status == "failed" for outcome in outcomes):
            raise
