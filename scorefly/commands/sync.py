"""`sync`: makes Fly follow a tree of projects and their git repositories."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from scorefly import interruption
from scorefly.commands.deploy import deploy
from scorefly.commands.tree_sources import check_out, open_store, open_tree
from scorefly.config.settings import Settings
from scorefly.config.workload_configs import WorkloadConfigs
from scorefly.deployment.connection import SharedFly, connect
from scorefly.deployment.live import list_machines
from scorefly.deployment.unit_digest import runs_as_deployed, unit_digest
from scorefly.problems import ExternalError, Problem, ScoreflyError, raise_errors
from scorefly.project.tree import Tree
from scorefly.project.units import Unit, checkout_of, read_units, select
from scorefly.report.progress import Progress
from scorefly.report.report import AppReport, Report
from scorefly.report.unit_progress import UnitProgress
from scorefly.sources.repository import Pin
from scorefly.sources.store import Store
from scorefly.state.document import EnvironmentState, SourceState, secrets_in
from scorefly.state.keeper import Keeper
from scorefly.state.names import state_names
from scorefly.state.session import open_state, read_state

UNITS = 8  # units at a time; the number of deploys is bounded apart


def sync(settings: Settings, progress: Progress) -> Report:
    """Deploy every unit of the tree that differs from git. A unit that fails does not stop the others.

    Raises InputError with everything that is invalid, before anything is changed.
    """
    if not isinstance(settings.workloads, WorkloadConfigs):
        raise TypeError("sync needs the settings of a project file")
    file = settings.workloads.file
    with open_store(settings, file) as store:
        tree = open_tree(settings, file, store)
        units, problems = units_of(settings, tree)
        raise_errors(problems)
        with SharedFly(settings) as shared:
            run = Sync(settings, progress, store, tree, units, shared)
            reports = run.run()
    return tree_report(settings, reports, [*problems, *tree.unreadable])


def units_of(settings: Settings, tree: Tree) -> tuple[list[Unit], list[Problem]]:
    """Return the units that a run is about, and the problems of the whole tree."""
    problems = list(tree.problems)
    environments = [settings.environment] if settings.environment_given else tree.environments()
    units = read_units(settings, tree, environments or [settings.environment], problems)
    return select(units, settings.subtrees), list(dict.fromkeys(problems))


def tree_report(settings: Settings, reports: Sequence[Report], problems: Sequence[Problem]) -> Report:
    """Return one report of all units."""
    return Report(
        command=settings.command,
        environment=settings.environment if settings.environment_given else "",
        apps=tuple(app for report in reports for app in report.apps),
        resources=(),
        problems=(*problems, *(problem for report in reports for problem in report.problems)),
        findings=tuple(finding for report in reports for finding in report.findings),
        artefacts=settings.artefacts,
        rehearsed=settings.rehearse,
        dry_run=settings.dry_run,
        units=tuple(reports),
    )


@dataclass(slots=True)
class Sync:
    """One sync. Refs are resolved once for all units, at the beginning."""

    settings: Settings
    progress: Progress
    store: Store
    tree: Tree
    units: list[Unit]
    shared: SharedFly
    pins: dict[str, dict[str, Pin]] = field(default_factory=dict)
    failed: dict[str, list[Problem]] = field(default_factory=dict)
    states: dict[str, EnvironmentState] = field(default_factory=dict)
    done: dict[str, Report] = field(default_factory=dict)

    def run(self) -> list[Report]:
        """Look at all units, then deploy those that differ, each after those it names."""
        self._resolve(self.units)
        with ThreadPoolExecutor(UNITS, thread_name_prefix="unit") as pool:
            list(pool.map(self._read_state, self.units))
            self._fetch(self.units)
            self._in_order(pool)
        return [self.done[unit.name] for unit in self.units]

    def _resolve(self, units: Sequence[Unit]) -> None:
        sources = [source for unit in units for source in unit.sources.values()]
        if sources:
            count = len({source.repository for source in sources})
            self.progress.step(f"reading {count} {'repository' if count == 1 else 'repositories'}")
        found = self.store.find_commits(sources)
        for unit in units:
            pins = {name: found[source] for name, source in unit.sources.items()}
            self.pins[unit.name] = {name: pin for name, pin in pins.items() if isinstance(pin, Pin)}
            self.failed[unit.name] = [pin for pin in pins.values() if isinstance(pin, Problem)]

    def _fetch(self, units: Sequence[Unit]) -> None:
        """Download the commits that states do not know yet."""
        wanted = {
            pin: unit.name
            for unit in units
            if not self.failed[unit.name]
            for name, pin in self.pins[unit.name].items()
            if not self._known_tree(unit, name, pin)
        }
        problems = self.store.fetch(wanted)
        for unit in units:
            self.failed[unit.name] += [problems[pin] for pin in self.pins[unit.name].values() if pin in problems]

    def _read_state(self, unit: Unit) -> None:
        try:
            state = read_state(unit.settings, UnitProgress(self.progress, unit.name))
        except ScoreflyError:
            return  # opening it reports the problem
        self.progress.publish(state_names(state))
        self.progress.hide(secrets_in(state))
        self.states[unit.name] = state

    def _known_tree(self, unit: Unit, name: str, pin: Pin) -> str:
        """Return the id of a source's files where state has it."""
        state = self.states.get(unit.name)
        known = state.sources.get(name) if state else None
        same = known and (known.repository, known.commit, known.path) == (
            pin.source.repository.key,
            pin.commit,
            pin.source.path,
        )
        return known.tree if known and same else ""

    def _in_order(self, pool: ThreadPoolExecutor) -> None:
        """Run units as soon as those they come after have ended. One after a unit that failed is skipped."""
        waiting = {unit.name: unit for unit in self.units}
        running: dict[Future[Report], str] = {}
        while waiting or running:
            ready = [unit for unit in waiting.values() if not any(name in waiting for name in unit.after)]
            ready = [unit for unit in ready if not set(unit.after) & set(running.values())]
            if not ready and not running:
                ready = list(waiting.values())[:1]  # units that are after each other
            for unit in ready:
                del waiting[unit.name]
                running[pool.submit(self._attempt, unit)] = unit.name
            ended, _ = wait(running, timeout=interruption.WAKE, return_when=FIRST_COMPLETED)
            interruption.check()
            for future in ended:
                self.done[running.pop(future)] = future.result()

    def _attempt(self, unit: Unit) -> Report:
        """Run a unit. What fails is in its report."""
        progress, began = UnitProgress(self.progress, unit.name), time.monotonic()
        progress.begin()
        try:
            report = self._run(unit, progress)
        except ScoreflyError as error:
            for problem in error.problems:
                progress.problem(problem)
            report = self._report(unit, problems=error.problems)
        report = replace(
            report,
            project=unit.project.name,
            commits={name: pin.commit for name, pin in self.pins[unit.name].items()},
            seconds=round(time.monotonic() - began, 1),
        )
        progress.end(report)
        return report

    def _run(self, unit: Unit, progress: UnitProgress) -> Report:
        broken = [name for name in unit.after if name in self.done and self.done[name].exit_code]
        if broken:
            message = f"{unit.name} skipped: {', '.join(broken)}, which it comes after, failed"
            raise ExternalError(Problem(message, "fix that and sync again"))
        if self.failed[unit.name]:
            raise ExternalError(*self.failed[unit.name])
        state = self.states.get(unit.name)
        trees = {name: self._known_tree(unit, name, pin) for name, pin in self.pins[unit.name].items()}
        trees = {name: tree or self.store.tree_id(self.pins[unit.name][name]) for name, tree in trees.items()}
        if state and self._is_unchanged(unit, state, trees):
            return self._unchanged(unit, state)
        if not unit.settings.score_files:
            return self._report(unit)
        with open_state(unit.settings, progress) as keeper:
            if state is None or keeper.state.sources != state.sources:
                # Another run deployed meanwhile: refs may have moved since they were looked up.
                trees = self._resolve_again(unit)
            self._check_out(unit)
            report = deploy(unit.settings, keeper, progress, self.shared)
            self._remember(unit, keeper, trees, report)
        return report

    def _resolve_again(self, unit: Unit) -> dict[str, str]:
        self._resolve([unit])
        self._fetch([unit])
        if self.failed[unit.name]:
            raise ExternalError(*self.failed[unit.name])
        return {name: self.store.tree_id(pin) for name, pin in self.pins[unit.name].items()}

    def _check_out(self, unit: Unit) -> None:
        problems = self.store.fetch(self.pins[unit.name].values())
        if problems:
            raise ExternalError(*dict.fromkeys(problems.values()))
        for name, pin in self.pins[unit.name].items():
            check_out(self.store, pin, self.settings.workspace, checkout_of(unit.name, name))

    def _is_unchanged(self, unit: Unit, state: EnvironmentState, trees: Mapping[str, str]) -> bool:
        if unit.settings.force or not state.synced or unit.local:
            return False
        digest = unit_digest(unit.settings, state, trees, "")
        if not digest or digest != state.synced:
            return False
        with connect(unit.settings, None, self.shared) as connection:
            live = list_machines(unit.settings, connection.api, state.apps, self.shared)
        return runs_as_deployed(unit.settings, state, live)

    def _unchanged(self, unit: Unit, state: EnvironmentState) -> Report:
        apps = (
            AppReport(app=app.name, owner=app.owner, status="unchanged", workload=app.workload, url=app.url)
            for app in state.apps.values()
        )
        return self._report(unit, tuple(apps))

    def _remember(self, unit: Unit, keeper: Keeper, trees: Mapping[str, str], report: Report) -> None:
        """Record what was deployed; of a unit that failed, nothing that would make the next sync skip it."""
        if unit.settings.dry_run:
            return
        broken = {app.workload for app in report.apps if app.status in ("failed", "skipped")}
        sources = dict(keeper.state.sources)
        for name, pin in self.pins[unit.name].items():
            if name not in broken:
                key, path = pin.source.repository.key, pin.source.path
                sources[name] = SourceState(key, str(pin.source.ref), pin.commit, path, trees[name])
        digest = unit_digest(unit.settings, keeper.state, trees, "") if report.exit_code == 0 else ""
        keeper.record(lambda state: replace(state, sources=sources, synced=digest))

    def _report(self, unit: Unit, apps: tuple[AppReport, ...] = (), problems: Sequence[Problem] = ()) -> Report:
        return Report(
            command=self.settings.command,
            environment=unit.name,
            apps=apps,
            problems=tuple(problems),
            rehearsed=self.settings.rehearse,
            dry_run=self.settings.dry_run,
        )
