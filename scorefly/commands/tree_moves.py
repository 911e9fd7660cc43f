"""Workloads that moved to another project of the tree: their apps and resources move to its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from scorefly.commands.tree_run import TreeRun
from scorefly.problems import ScoreflyError
from scorefly.project.units import Unit
from scorefly.report.unit_progress import UnitProgress
from scorefly.state.document import AppState, EnvironmentState, ResourceState, SourceState
from scorefly.state.session import known_environments, open_state, read_state


class Move(Struct, frozen=True):
    """An app whose workload is declared by another unit of the same environment than the one whose state has it."""

    app: str
    workload: str
    origin: Unit
    target: Unit


def move_workloads(run: TreeRun) -> None:
    """Move what states have of workloads that are declared elsewhere by now. Machines learn of it in the next deploy.

    Both units are locked. The new state is saved first: an app is in two states rather than in none.
    """
    if run.settings.dry_run or not run.tree.is_complete:
        return
    for move in list(_moves(run, [*run.all_units, *_former_units(run)])):
        try:
            _move(run, move)
        except ScoreflyError as error:
            run.failed[move.target.name] += error.problems


def _move(run: TreeRun, move: Move) -> None:
    progress = UnitProgress(run.progress, move.target.name)
    first, second = sorted((move.origin, move.target), key=lambda unit: unit.name)
    with open_state(first.settings, progress) as one, open_state(second.settings, progress) as other:
        origin, target = (one, other) if first is move.origin else (other, one)
        app = origin.state.apps.get(move.app)
        if app is None or move.app in target.state.apps:
            return
        progress.step(f"{move.app}: moves from {move.origin.name}")
        moved = _Moved.of(origin.state, app, move.workload)
        target.record(moved.added_to)
        origin.record(moved.removed_from)
        run.states[move.origin.name], run.states[move.target.name] = origin.state, target.state


def _former_units(run: TreeRun) -> Iterator[Unit]:
    """Yield units that have a state and are in the tree no more, where new units may be what became of them.

    That is how a project that was renamed keeps its apps.
    """
    new = [unit for unit in run.units if unit.workloads and unit.name in run.states and not run.states[unit.name].apps]
    if not new:
        return
    names = {unit.name for unit in run.all_units}
    for name in known_environments(new[0].settings):
        unit = next((each for each in new if name.endswith(f".{each.environment}")), None)
        if unit is None or name in names:
            continue
        settings = replace(unit.settings, environment=name)
        try:
            run.states[name] = read_state(settings)
        except ScoreflyError:
            continue
        yield replace(unit, name=name, settings=settings, sources={}, local={}, suspended={})


def _moves(run: TreeRun, origins: Sequence[Unit]) -> Iterator[Move]:
    for target in run.units:
        for workload in target.workloads:
            app = target.settings.app_name(workload)
            state = run.states.get(target.name)
            if state is None or app in state.apps:
                continue
            for origin in origins:
                known = run.states.get(origin.name)
                if origin is target or known is None or not _may_move(origin, target):
                    continue
                found = known.apps.get(app)
                if found and found.workload == workload and workload not in origin.workloads:
                    yield Move(app, workload, origin, target)


def _may_move(origin: Unit, target: Unit) -> bool:
    """Report whether an app can move between units: Fly moves none to another organization."""
    return origin.environment == target.environment and origin.settings.org == target.settings.org


class _Moved(Struct, frozen=True):
    """The part of a state that belongs to one workload alone."""

    workload: str
    file: str
    source: SourceState | None
    apps: Mapping[str, AppState]
    resources: Mapping[str, ResourceState]

    @classmethod
    def of(cls, state: EnvironmentState, app: AppState, workload: str) -> _Moved:
        """Return what belongs to a workload: its app, resources that only it uses, and their apps."""
        resources = {uid: each for uid, each in state.resources.items() if each.workloads == (workload,)}
        apps = {name: each for name, each in state.apps.items() if each.owner in resources}
        file, source = state.workloads.get(workload, ""), state.sources.get(workload)
        return cls(workload, file, source, {app.name: app, **apps}, resources)

    def added_to(self, state: EnvironmentState) -> EnvironmentState:
        """Return a state with all of it."""
        return replace(
            state,
            apps={**state.apps, **self.apps},
            resources={**state.resources, **self.resources},
            workloads={**state.workloads, self.workload: self.file},
            sources={**state.sources, **({self.workload: self.source} if self.source else {})},
        )

    def removed_from(self, state: EnvironmentState) -> EnvironmentState:
        """Return a state without any of it."""
        return replace(
            state,
            apps={name: each for name, each in state.apps.items() if name not in self.apps},
            resources={uid: each for uid, each in state.resources.items() if uid not in self.resources},
            workloads={name: file for name, file in state.workloads.items() if name != self.workload},
            sources={name: each for name, each in state.sources.items() if name != self.workload},
        )
