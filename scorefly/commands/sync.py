"""`sync`: makes Fly follow a tree of projects and their git repositories."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from scorefly import interruption
from scorefly.commands.deploy import deploy
from scorefly.commands.tree_commits import show_commits
from scorefly.commands.tree_drift import find_unit_drift
from scorefly.commands.tree_moves import move_workloads
from scorefly.commands.tree_run import TreeRun, tree_run
from scorefly.config.settings import Settings
from scorefly.deployment.connection import connect
from scorefly.deployment.drift import drift_problem
from scorefly.deployment.live import list_machines
from scorefly.deployment.prune import prune
from scorefly.deployment.unit_digest import runs_as_deployed, unit_digest
from scorefly.problems import ExternalError, InputError, Problem
from scorefly.project.units import Unit
from scorefly.report.plan import Drift
from scorefly.report.progress import Progress
from scorefly.report.report import AppReport, Report
from scorefly.report.unit_progress import UnitProgress
from scorefly.run import Run, open_run
from scorefly.state.document import EnvironmentState, SourceState
from scorefly.state.keeper import Keeper

_RETRY = 5.0  # seconds before the next attempt
_REHEARSED_RETRY = 0.1


def sync(settings: Settings, progress: Progress) -> Report:
    """Deploy every unit of the tree that differs from git. A unit that fails does not stop the others.

    Raises InputError with everything that is invalid.
    """
    with tree_run(settings, progress) as run:
        report = run.run(Sync(run).sync, lambda: move_workloads(run))
    if run.invalid and not any(unit.apps for unit in report.units):
        raise InputError(*dict.fromkeys(run.invalid))
    return report


class Sync(Struct, frozen=True):
    """The work of a sync on one unit."""

    run: TreeRun

    def sync(self, unit: Unit, progress: UnitProgress) -> Report:
        """Deploy a unit, unless everything is as its last sync left it."""
        run, state = self.run, self.run.states.get(unit.name)
        trees = run.trees(unit)
        if state and is_unchanged(run, unit, state, trees):
            drifted = find_unit_drift(unit, state, run.shared) if unit.settings.drift else {}
            if not (drifted and unit.settings.drift == "heal"):
                return _with_drift(unchanged_report(run, unit, state), drifted, progress)
        if not unit.settings.score_files and not (state and state.workloads):
            return run.report(unit)
        with open_run(unit.settings, progress) as unit_run:
            keeper = unit_run.keeper
            if state is None or keeper.state.sources != state.sources:
                # Another run deployed meanwhile: refs may have moved since they were looked up.
                trees = self._look_again(unit)
            run.check_out(unit)
            keeper.change(lambda state: _without_rollbacks(state, trees))
            report = self._deploy(unit_run) if unit.settings.score_files else run.report(unit)
            report = self._prune(unit, unit_run, report)
            self._remember(unit, keeper, trees, report)
        return replace(report, problems=(*report.problems, *show_commits(self.run, unit, report, progress)))

    def _deploy(self, unit_run: Run) -> Report:
        """Deploy, and try again what failed for a reason outside. Apps that are deployed by then stay as they are."""
        changed: dict[str, AppReport] = {}
        settings, progress = unit_run.settings, unit_run.progress
        left = settings.attempts
        while True:
            left -= 1
            try:
                report = deploy(unit_run, self.run.shared)
            except ExternalError as error:
                if not left or interruption.requested():
                    raise
                progress.problem(replace(error.problems[0], severity="warning"))
            else:
                changed |= {app.app: app for app in report.apps if app.status in ("created", "deployed")}
                if not left or not report.named("failed", "skipped") or interruption.requested():
                    return replace(report, apps=tuple(_first_change(app, changed) for app in report.apps))
            progress.step("trying again")
            interruption.sleep(_REHEARSED_RETRY if settings.rehearse else _RETRY)

    def _look_again(self, unit: Unit) -> dict[str, str]:
        self.run.find_commits([unit])
        self.run.fetch([unit])
        if self.run.failed[unit.name]:
            raise ExternalError(*self.run.failed[unit.name])
        return {name: self.run.store.tree_id(pin) for name, pin in self.run.pins[unit.name].items()}

    def _prune(self, unit: Unit, unit_run: Run, report: Report) -> Report:
        if not unit.settings.prune or report.exit_code:
            return report
        if not self.run.is_complete:
            message = f"{unit.name}: nothing is pruned, because a part of the tree cannot be read"
            problem = Problem(message, "fix that and sync again", severity="warning")
            unit_run.progress.problem(problem)
            return replace(report, problems=(*report.problems, problem))
        others = (each for each in self.run.all_units if each.name != unit.name)
        elsewhere = {each.settings.app_name(name) for each in others for name in each.workloads}
        pruned = prune(unit_run, self.run.shared, elsewhere)
        return replace(
            report,
            apps=(*report.apps, *pruned.apps),
            findings=(*report.findings, *pruned.findings),
            problems=(*report.problems, *pruned.problems),
        )

    def _remember(self, unit: Unit, keeper: Keeper, trees: Mapping[str, str], report: Report) -> None:
        """Record what was deployed; of a unit that failed, nothing that would make the next sync skip it."""
        if unit.settings.dry_run or report.superseded or report.rolled_back:
            return
        broken = {app.workload for app in report.apps if app.status in ("failed", "skipped")}
        known = {name: each for name, each in keeper.state.sources.items() if name in unit.workloads}
        for name, pin in self.run.pins[unit.name].items():
            if name not in broken:
                key, path = pin.source.repository.key, pin.source.path
                known[name] = SourceState(key, str(pin.source.ref), pin.commit, path, trees[name])
        digest = "" if report.exit_code else unit_digest(unit.settings, keeper.state, trees, home_tree(self.run, unit))
        keeper.record(lambda state: replace(state, sources=known, synced=digest))


def _first_change(app: AppReport, changed: Mapping[str, AppReport]) -> AppReport:
    """Return what the first attempt did to an app that the last one left as it was."""
    return changed.get(app.app, app) if app.status == "unchanged" else app


def _with_drift(report: Report, drifted: Mapping[str, tuple[Drift, ...]], progress: UnitProgress) -> Report:
    """Return a report that names what others changed; it is shown, too."""
    if not drifted:
        return report
    problems = tuple(drift_problem(name, found, heals=False) for name, found in drifted.items())
    for problem in problems:
        progress.problem(problem)
    apps = tuple(replace(app, drift=tuple(map(str, drifted.get(app.app, ())))) for app in report.apps)
    return replace(report, apps=apps, problems=(*report.problems, *problems))


def _without_rollbacks(state: EnvironmentState, trees: Mapping[str, str]) -> EnvironmentState:
    """Return the state without rollbacks of workloads whose source has other files than those that were rolled back."""
    for app in state.apps.values():
        known = state.sources.get(app.workload)
        if app.rollback and known and app.workload in trees and known.tree != trees[app.workload]:
            state = state.with_app(replace(app, rollback=None))
    return state


def is_unchanged(run: TreeRun, unit: Unit, state: EnvironmentState, trees: Mapping[str, str]) -> bool:
    """Decide without a checkout and a lock whether a unit is as its last sync left it."""
    if unit.settings.force or not state.synced:
        return False
    digest = unit_digest(unit.settings, state, trees, home_tree(run, unit))
    if not digest or digest != state.synced:
        return False
    if unit.settings.prune and set(state.workloads) - set(unit.workloads):
        return False
    with connect(unit.settings, None, run.shared) as connection:
        live = list_machines(unit.settings, connection.api, state.apps, run.shared)
    return runs_as_deployed(unit.settings, state, live)


def unchanged_report(run: TreeRun, unit: Unit, state: EnvironmentState) -> Report:
    """Return the report of a unit that is as its last sync left it."""
    apps = tuple(
        AppReport(app=app.name, owner=app.owner, status="unchanged", workload=app.workload, url=app.url)
        for app in state.apps.values()
    )
    return replace(run.report(unit), apps=apps)


def home_tree(run: TreeRun, unit: Unit) -> str:
    """Return git's id of the files of the unit's own repository; empty where it has no workloads of its own."""
    return run.home_tree() if unit.local else ""
