"""The records of an app that is deployed: in state, and in the metadata of its Machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from scorefly.confined import is_file
from scorefly.deployment.digest import state_digest
from scorefly.deployment.drift import facts_of
from scorefly.deployment.fly_run import FlyRun
from scorefly.deployment.inspection import known_app
from scorefly.deployment.machine_counts import app_machines
from scorefly.deployment.ownership import marks
from scorefly.deployment.releases import RollbackTarget, release_changes, unchanged_release
from scorefly.desired.artefacts import artefact_texts, file_digests
from scorefly.desired.build_context import summarised
from scorefly.fly.api.machines import MachineView
from scorefly.fly.app import App
from scorefly.problems import Place, Problem
from scorefly.run import Run
from scorefly.state.document import AppState
from scorefly.state.snapshot import Record, pack, unpack


def app_state(run: Run, app: App) -> AppState:
    """Return the app's state, updated with what this run desires."""
    return known_app(run.state, app)


def last_record(run: Run, app: App) -> Record:
    """Return what was noted after the last good deploy of the app; an empty record before the first one."""
    return unpack(app_state(run, app).record) or Record()


def save_app(run: Run, app: App, **changes: Any) -> None:
    """Save changes of the app's state."""
    run.keeper.record(lambda state: state.with_app(replace(known_app(state, app), **changes)))


def release_state(
    run: FlyRun,
    app: App,
    digest: str,
    files: Mapping[str, str],
    machines: Sequence[MachineView],
    target: RollbackTarget | None,
    others: Mapping[str, str],
) -> dict[str, Any]:
    """Return the fields of the app's state that say which release runs.

    `digest` is that of the desired app, `files` are the digests of what its images are built from. `others` are the
    images of further containers.
    """
    previous, order = app_state(run, app), run.order
    digest = state_digest(app, digest)
    if target:
        return {"digest": digest, **target.done(previous)}
    if previous.digest == digest and previous.release:
        changes = {**unchanged_release(previous, order.commit), "rollback": None}
    else:
        changes = release_changes(previous, app, machines, files, order.commit, order.started, others)
    return {"digest": digest, "commit": order.commit, **changes}


def packed_record(
    run: FlyRun,
    app: App,
    machines: Sequence[MachineView],
    *,
    count: int,
    files: Mapping[str, str],
    image: str,
    others: Mapping[str, str],
    target: RollbackTarget | None,
    unused_volumes: tuple[str, ...] = (),
) -> str:
    """Return what to note after a good deploy: the artefact, what runs now, and how many Machines there should be."""
    previous = last_record(run, app)
    return pack(
        Record(
            artefact_texts(app),
            file_digests(app),
            facts_of(machines),
            target.artefact.secrets if target else tuple(sorted(app.secrets)),
            count,
            summarised(files),
            unused_volumes,
            image or previous.image,
            previous.build,
            app.counts,
            others,
            {key: built for key, built in previous.builds.items() if built in others.values()},
        )
    )


def expected_machines(run: FlyRun, app: App, machines: Sequence[MachineView]) -> tuple[int, Problem | None]:
    """Return how many Machines there should be, and a warning where fewer run.

    As many as after the last deploy are expected; `force` forgets that number.
    """
    now, last = len(app_machines(machines)), last_record(run, app).machines
    if run.settings.force or last <= now or app.counts:
        return now, None
    hint = f"`fly scale count {last} -a {app.name}` makes them; deploy with force to keep {now}"
    return last, Problem(f"{app.name} has {now} Machines, and had {last}", hint, severity="warning")


def mark_machines(run: FlyRun, app: App, machines: Sequence[MachineView]) -> None:
    """Write on the app's Machines which environment they belong to, where they do not say so."""
    desired = marks(run.settings, run.state, app.owner)
    for machine in app_machines(machines):
        for key, value in desired.items():
            if machine.metadata.get(key) != value:
                run.api.set_metadata(app.name, machine.id, key, value)


def score_file(run: Run, app: App) -> Place | None:
    """Return the Score file that an app comes from, where state knows it and it is in the workspace."""
    resource = run.state.resources.get(app.owner)
    workload = app.workload or (resource.defined_by or resource.owner if resource else "")
    file = run.state.workloads.get(workload, "")
    return Place(file) if file and is_file(run.settings.workspace, file) else None
