"""Take over apps that run: their Machines get this environment's mark, and state their ids. Nothing else changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from scorefly.deployment.connection import Connection
from scorefly.deployment.drift import facts_of
from scorefly.deployment.inspection import find_app
from scorefly.deployment.machine_counts import app_machines
from scorefly.deployment.ownership import STATE_KEY, bears_our_mark, marks, other_environment, state_mark
from scorefly.fly.api.machines import MachineView
from scorefly.problems import ExternalError, Problem
from scorefly.run import Run
from scorefly.state.document import AppState
from scorefly.state.snapshot import Record, pack


class RunningApp(Struct, frozen=True):
    """An app that is taken over: Fly's id, its Machines, and the workload that it belongs to."""

    name: str
    workload: str
    id: str
    machines: tuple[MachineView, ...] = ()


class Adopted(Struct, frozen=True):
    """The apps that were taken over, those that were ours before, and those that are not on Fly."""

    adopted: tuple[str, ...]
    unchanged: tuple[str, ...]
    missing: tuple[str, ...]


def adopt_apps(run: Run, workloads: Mapping[str, str], connection: Connection) -> Adopted:
    """Take over apps of workloads, by name. Raises ExternalError, before anything changes, for another's app."""
    running: list[RunningApp] = []
    missing: list[str] = []
    problems: list[Problem] = []
    for name, workload in workloads.items():
        try:
            found = find_app(run.settings, connection.api, name)
        except ExternalError as error:
            problems += error.problems
            continue
        if found is None:
            missing.append(name)
            continue
        machines = connection.api.find_machines(name) or ()
        if problem := _refusal(run, name, found.id, machines):
            problems.append(problem)
        else:
            running.append(RunningApp(name, workload, found.id, tuple(machines)))
    if problems:
        raise ExternalError(*problems)
    adopted: list[str] = []
    unchanged: list[str] = []
    for app in running:
        known = run.state.apps.get(app.name)
        if known and known.id == app.id and bears_our_mark(run.settings, app.machines):
            unchanged.append(app.name)
            continue
        if not run.settings.dry_run:
            run.progress.step(f"{app.name}: taking over {len(app.machines)} Machines")
            _adopt(run, app, connection)
        adopted.append(app.name)
    return Adopted(tuple(adopted), tuple(unchanged), tuple(missing))


def _refusal(run: Run, name: str, app_id: str, machines: Sequence[MachineView]) -> Problem | None:
    """Return why an app stays its owner's: its Machines carry the mark of another environment or project."""
    if other := other_environment(run.settings, machines):
        hint = "destroy that environment first, or remove the metadata key scorefly_owner of the app's Machines"
        return Problem(f"the app {name!r} belongs to {other}, so it is not taken over", hint)
    known = run.state.apps.get(name)
    our_mark = state_mark(run.state)
    foreign = any(machine.metadata.get(STATE_KEY) not in (None, our_mark) for machine in machines)
    if foreign and not run.settings.repository and not run.settings.new_state and (known is None or known.id != app_id):
        hint = "add a git remote called origin, or pass --new-state if the state of this environment was lost"
        return Problem(f"the app {name!r} may be another project's, because neither has a git remote", hint)
    return None


def _adopt(run: Run, app: RunningApp, connection: Connection) -> None:
    """State knows the app before its Machines say whose they are: an interrupted run leaves an app that is ours."""
    machines = app_machines(app.machines)
    record = pack(Record(facts=facts_of(machines), machines=len(machines)))
    before = run.state.apps.get(app.name) or AppState(name=app.name, owner=app.workload)
    known = replace(before, owner=app.workload, workload=app.workload, id=app.id, digest="", record=record)
    run.keeper.record(lambda state: state.with_app(known))
    for machine in machines:
        for key, value in marks(run.settings, run.state, app.workload).items():
            if machine.metadata.get(key) != value:
                connection.api.set_metadata(app.name, machine.id, key, value)
