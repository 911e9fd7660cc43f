"""A run over the units of a tree: refs resolved once, then units in order, several at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly import interruption
from scorefly.commands.tree_sources import add_files, check_out, home_tree, open_store, open_tree
from scorefly.config.settings import Settings
from scorefly.config.workload_configs import WorkloadConfigs
from scorefly.deployment.connection import SharedFly
from scorefly.problems import ExternalError, InputError, Problem, ScoreflyError, input_error
from scorefly.project.own_app import suspend_listener
from scorefly.project.tree import Tree
from scorefly.project.units import Unit, checkout_of, read_units, select
from scorefly.report.progress import Progress
from scorefly.report.report import Report
from scorefly.report.unit_progress import UnitProgress
from scorefly.sources.repository import Pin
from scorefly.sources.store import Store, parallel
from scorefly.state.document import EnvironmentState, secrets_in
from scorefly.state.names import state_names
from scorefly.state.session import read_state

UNITS = 8  # units at a time; the number of deploys is bounded apart

Work = Callable[[Unit, UnitProgress], Report]


class TreeRun(Struct):
    """The units that a run is about, their commits and states. `problems` are those of the tree as a whole.

    `failed` are the problems of sources by unit, and `invalid` those of input that a unit's run found.
    """

    settings: Settings
    progress: Progress
    store: Store
    tree: Tree
    units: list[Unit]
    problems: list[Problem]
    shared: SharedFly
    pins: dict[str, dict[str, Pin]] = field(default_factory=dict)
    failed: dict[str, list[Problem]] = field(default_factory=dict)
    states: dict[str, EnvironmentState] = field(default_factory=dict)
    done: dict[str, Report] = field(default_factory=dict)
    invalid: list[Problem] = field(default_factory=list)
    all_units: list[Unit] = field(default_factory=list)
    _home: str = ""

    @property
    def is_complete(self) -> bool:
        """Report whether every project and source of the tree was read: only then anything may be pruned."""
        return self.tree.is_complete and not any(self.failed.values())

    def run(self, work: Work, before: Callable[[], None] = lambda: None) -> Report:
        """Do the work for every unit, each after those it names. A unit that fails does not stop the others.

        `before` is called once states are known.
        """
        self.find_commits(self.units)
        with ThreadPoolExecutor(UNITS, thread_name_prefix="unit") as pool:
            list(pool.map(self._read_state, self.units))
            before()
            self.fetch(self.units)
            self._in_order(pool, work)
        reports = [self.done[unit.name] for unit in self.units]
        return tree_report(self.settings, reports, [*self.problems, *self.tree.unreadable])

    def find_commits(self, units: Sequence[Unit]) -> None:
        """Look up the commits of all sources of some units."""
        sources = [source for unit in units for source in unit.sources.values()]
        if sources:
            count = len({source.repository for source in sources})
            self.progress.step(f"reading {count} {'repository' if count == 1 else 'repositories'}")
        found = self.store.find_commits(sources)
        for unit in units:
            pins = {name: found[source] for name, source in unit.sources.items()}
            self.pins[unit.name] = {name: pin for name, pin in pins.items() if isinstance(pin, Pin)}
            self.failed[unit.name] = [pin for pin in pins.values() if isinstance(pin, Problem)]

    def fetch(self, units: Sequence[Unit]) -> None:
        """Download the commits that states do not know yet."""
        desired = {
            pin: unit.name
            for unit in units
            if not self.failed[unit.name]
            for name, pin in self.pins[unit.name].items()
            if not self._known_tree(unit, name, pin)
        }
        problems = self.store.fetch(desired)
        for unit in units:
            self.failed[unit.name] += [problems[pin] for pin in self.pins[unit.name].values() if pin in problems]

    def trees(self, unit: Unit) -> dict[str, str]:
        """Return git's ids of the files of a unit's sources, by workload."""
        pins = self.pins[unit.name]
        known = {name: self._known_tree(unit, name, pin) for name, pin in pins.items()}
        found = parallel(
            lambda name: self.store.tree_id(pins[name]), (name for name, tree in known.items() if not tree)
        )
        return {**known, **found}

    def check_out(self, unit: Unit) -> None:
        """Put the files of all sources of a unit in place. Raises ScoreflyError with all that failed."""
        problems = list(dict.fromkeys(self.store.fetch(self.pins[unit.name].values()).values()))
        if not problems:
            failed = parallel(lambda name: self._check_out(unit, name), self.pins[unit.name]).values()
            invalid = [problem for error in failed if isinstance(error, InputError) for problem in error.problems]
            if invalid:
                raise InputError(*invalid)
            problems = [problem for error in failed if error for problem in error.problems]
        if problems:
            raise ExternalError(*problems)

    def _check_out(self, unit: Unit, name: str) -> ScoreflyError | None:
        folder = checkout_of(unit.name, name)
        try:
            check_out(self.store, self.pins[unit.name][name], self.settings.workspace, folder)
            add_files(unit.settings, name, folder)
        except ScoreflyError as error:
            return error
        return None

    def home_tree(self) -> str:
        """Return git's id of the files of the environments' repository; `?` where git does not know all of them."""
        if not self._home:
            self._home = home_tree(self.settings)
        return self._home

    def report(self, unit: Unit, *problems: Problem) -> Report:
        """Return the report of a unit that nothing was done for."""
        return Report(
            command=self.settings.command,
            environment=unit.name,
            problems=problems,
            rehearsed=self.settings.rehearse,
            dry_run=self.settings.dry_run,
        )

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
        here = (pin.source.repository.key, pin.commit, pin.source.path)
        return known.tree if known and (known.repository, known.commit, known.path) == here else ""

    def _in_order(self, pool: ThreadPoolExecutor, work: Work) -> None:
        """Run units as soon as those they come after have ended. One after a unit that failed is skipped."""
        waiting = {unit.name: unit for unit in self.units}
        running: dict[Future[Report], str] = {}
        while waiting or running:
            pending = {*waiting, *running.values()}
            ready = [unit for unit in waiting.values() if not pending.intersection(unit.after)]
            if not ready and not running:
                ready = list(waiting.values())[:1]  # units that come after each other
            for unit in ready:
                del waiting[unit.name]
                running[pool.submit(self._attempt, unit, work)] = unit.name
            ended, _ = wait(running, timeout=interruption.WAKE, return_when=FIRST_COMPLETED)
            interruption.check()
            for future in ended:
                self.done[running.pop(future)] = future.result()

    def _attempt(self, unit: Unit, work: Work) -> Report:
        """Run a unit. What fails is in its report."""
        progress, began = UnitProgress(self.progress, unit.name), time.monotonic()
        progress.begin()
        try:
            self._refuse_broken(unit)
            report = work(unit, progress)
        except ScoreflyError as error:
            for problem in error.problems:
                progress.problem(problem)
            self.invalid += error.problems if isinstance(error, InputError) else ()
            report = self.report(unit, *error.problems)
        report = replace(
            report,
            project=unit.project.name,
            stage=unit.environment,
            commits={name: pin.commit for name, pin in self.pins[unit.name].items()},
            seconds=round(time.monotonic() - began, 1),
        )
        progress.end(report)
        return report

    def _refuse_broken(self, unit: Unit) -> None:
        """Raise ExternalError for a unit whose sources cannot be read, or that comes after one that failed."""
        broken = [name for name in unit.after if name in self.done and self.done[name].exit_code]
        if broken:
            message = f"{unit.name} skipped: {', '.join(broken)}, which it comes after, failed"
            raise ExternalError(Problem(message, "fix that and sync again"))
        if self.failed[unit.name]:
            raise ExternalError(*dict.fromkeys(self.failed[unit.name]))
        stopped = [name for name, report in self.done.items() if report.exit_code] if self.settings.fail_fast else []
        if stopped:
            message = f"{unit.name} skipped: {', '.join(stopped)} failed, and fail-fast is set"
            raise ExternalError(Problem(message, "fix that and sync again"))


@contextmanager
def tree_run(settings: Settings, progress: Progress) -> Iterator[TreeRun]:
    """Read the tree and its units. Raises InputError with everything that is invalid, before anything is done."""
    if settings.untrusted:
        hint = "check it with validate in a job that checks out a trusted commit"
        raise input_error("a tree of repositories is not read for a pull request from a fork", hint)
    if not isinstance(settings.workloads, WorkloadConfigs):
        raise TypeError("a tree needs the settings of a project file")
    file = settings.workloads.file
    problems = list(settings.invalid)
    with open_store(settings, file, problems) as store:
        tree = open_tree(settings, file, store, offline=any(each.severity == "error" for each in problems))
        problems += tree.problems
        names = [settings.environment] if settings.environment_given else tree.environments()
        units = read_units(settings, tree, names or [settings.environment], problems)
        refused: list[Problem] = []
        units = suspend_listener(units, settings.environ, refused)
        errors = {(each.message, each.place): each for each in reversed(problems) if each.severity == "error"}
        if errors:
            raise InputError(*reversed(errors.values()))
        progress.hide({unit.settings.fly_api_token for unit in units} - {""})
        selected = select(units, settings.subtrees)
        for problem in (*tree.unreadable, *refused):
            progress.problem(problem)
        with SharedFly(settings) as shared:
            run = TreeRun(settings, progress, store, tree, selected, list(dict.fromkeys([*problems, *refused])), shared)
            run.all_units = units
            yield run


def tree_report(settings: Settings, reports: Sequence[Report], problems: Sequence[Problem]) -> Report:
    """Return one report of all units."""
    found = [*problems, *(problem for report in reports for problem in report.problems)]
    return Report(
        command=settings.command,
        environment=settings.environment if settings.environment_given else "",
        apps=tuple(app for report in reports for app in report.apps),
        problems=tuple(dict.fromkeys(found)),
        findings=tuple(finding for report in reports for finding in report.findings),
        artefacts=settings.artefacts,
        rehearsed=settings.rehearse,
        dry_run=settings.dry_run or settings.command == "plan",
        units=tuple(reports),
    )
