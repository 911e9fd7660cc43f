"""`resources upgrade`: moves a database server to the newest release of its line, after a snapshot of its volume."""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec import Struct

from scorefly import interruption
from scorefly.config.settings import Settings
from scorefly.deployment.app_deployment import AppDeployment
from scorefly.deployment.connection import connect
from scorefly.deployment.deprovisioning import apps_of, resource_in
from scorefly.deployment.fly_run import connected
from scorefly.deployment.live import list_machines
from scorefly.deployment.networks import environment_network
from scorefly.deployment.ownership import not_ours
from scorefly.deployment.scheduler import DeploymentScheduler, save_the_rest
from scorefly.deployment.shared_servers import previews_version, server_of, upgrade_server
from scorefly.desired.apps import compute_desired_apps
from scorefly.desired.artefacts import shown_folder, write_artefact
from scorefly.desired.load import load
from scorefly.desired.server_versions import deployed_version, server_version, with_version
from scorefly.desired.shared_servers import URI as PREVIEWS_URI
from scorefly.fly.api import FlyApi
from scorefly.problems import InputError, external_error, input_error, option_place
from scorefly.report.progress import Progress
from scorefly.report.report import Report
from scorefly.resources.engines import ENGINES
from scorefly.run import Run
from scorefly.state.document import EnvironmentState

DUMP = "another line reads no files of this one: dump the data and restore it into a new resource (docs/databases.md)"


class Upgrade(Struct, frozen=True):
    """An upgrade of one server: its name, its versions before and after, and its apps."""

    uid: str
    engine: str
    before: str
    after: str
    apps: tuple[str, ...]
    of_previews: bool = False


def find_upgrade(settings: Settings, state: EnvironmentState, uid: str) -> Upgrade | None:
    """Return the upgrade of a resource; None where it runs the newest release. Raises InputError where there is none.

    Only releases of the same line are taken: those read the data as it is.
    """
    resource, place = resource_in(state, uid), option_place("uid")
    if resource.provisioner == PREVIEWS_URI:
        postgres, version = ENGINES["template://scorefly/postgres"], previews_version(settings)
        newer = postgres.newer(version)
        return Upgrade(uid, postgres.name, version, newer, (server_of(resource),), of_previews=True) if newer else None
    engine, version = ENGINES.get(resource.provisioner), server_version(state, resource)
    apps = tuple(name for name in apps_of(state, resource) if name in state.apps)
    if engine is None or not version:
        raise input_error(f"{uid} has no database server that scorefly made", "scorefly resources list", place)
    if stated := resource.params.get("version"):
        hint = "take a snapshot with `fly volumes snapshots create`, then state the newer version there, and deploy"
        raise input_error(f"the version of {uid} is stated in a Score file: {stated}", hint, place)
    line = engine.line(version)
    if line not in engine.newest:
        known = ", ".join(engine.newest) or "no line"
        message = f"{uid} runs {engine.name} {version}, and this scorefly knows the releases of {known} only"
        raise input_error(message, DUMP, place)
    if not apps:
        raise input_error(f"{uid} was not deployed yet", "deploy it: it starts with the newest release", place)
    # State has the new version before it is deployed: an upgrade that failed or was interrupted goes on.
    deployed = deployed_version(state, resource) or version
    newer = engine.newer(version) or (version if deployed != version else "")
    return Upgrade(uid, engine.name, deployed, newer, apps) if newer else None


def upgrade(run: Run, found: Upgrade) -> Report:
    """Take the snapshot, save the new version, then deploy the server's app.

    Nothing is changed without a finished snapshot. A run that is cut short after it is finished by the next deploy.
    """
    if found.of_previews:
        return _upgrade_server_of_previews(run, found)
    loaded = load(run.settings)
    if found.uid not in loaded.graph.nodes:
        hint = "name the Score file that asks for it"
        raise input_error(f"no Score file of this run asks for {found.uid}", hint, option_place("score-files"))
    with connect(run.settings, run.keeper) as connection:
        live = list_machines(run.settings, connection.api, found.apps)
        for name in found.apps:
            if problem := not_ours(run.settings, connection.api, name, live.get(name, ()), run.state):
                raise InputError(problem)
        run.keeper.change(lambda state: with_version(state, state.resources[found.uid], found.after))
        desired = compute_desired_apps(run, loaded)
        apps = [app for app in desired.apps if app.name in found.apps]
        connection.deployer.check()
        if not run.settings.dry_run:
            for app in apps:
                _take_snapshots(run.settings, connection.api, app.name, run.progress)
                write_artefact(run.settings, app)
            run.keeper.save()
        fly_run = connected(run, connection, network=environment_network(run.settings, run.state))
        jobs = {app.name: AppDeployment(fly_run, app, tuple(live.get(app.name, ()))) for app in apps}
        outcomes = DeploymentScheduler(fly_run, jobs).deploy()
    save_the_rest(run.keeper, outcomes)
    return Report(
        command=run.settings.command,
        environment=run.settings.environment,
        apps=tuple(outcomes),
        resources=tuple(each for each in desired.resources if each.uid == found.uid),
        problems=tuple(warning for job in jobs.values() for warning in job.warnings),
        artefacts=shown_folder(run.settings, ""),
        rehearsed=run.settings.rehearse,
        dry_run=run.settings.dry_run,
    )


def _upgrade_server_of_previews(run: Run, found: Upgrade) -> Report:
    """Move the server that all previews share. Databases of other previews move with it."""
    (name,) = found.apps
    with connect(run.settings, run.keeper) as connection:
        connection.deployer.check()

        def prepare() -> None:
            _take_snapshots(run.settings, connection.api, name, run.progress)

        report = upgrade_server(run, connection, name, found.after, prepare)
    return Report(
        command=run.settings.command,
        environment=run.settings.environment,
        apps=(report,),
        rehearsed=run.settings.rehearse,
        dry_run=run.settings.dry_run,
    )


def _take_snapshots(settings: Settings, api: FlyApi, app: str, progress: Progress) -> None:
    """Take a snapshot of each volume that a Machine has, and wait for it. Raises ExternalError where one is late."""
    volumes = [volume for volume in api.volumes(app) if volume.machine]
    before = {volume.id: set(api.snapshots(app, volume.id)) for volume in volumes}
    for volume in volumes:
        progress.step(f"{app}: taking a snapshot of volume {volume.name} ({volume.id})")
        api.create_snapshot(app, volume.id)
    deadline = time.monotonic() + settings.wait_timeout
    for volume in volumes:
        delay = 0.1
        while not _is_taken(api, app, volume.id, before[volume.id]):
            if time.monotonic() > deadline:
                raise external_error(
                    f"the snapshot of volume {volume.id} was not ready after {settings.wait_timeout} s",
                    "nothing was upgraded: run it again, with a longer wait-timeout",
                )
            interruption.sleep(delay)
            delay = min(5.0, delay * 2)


def _is_taken(api: FlyApi, app: str, volume: str, before: Sequence[str] | set[str]) -> bool:
    """Decide whether there is a finished snapshot beside those that were there before."""
    return any(status == "created" for name, status in api.snapshots(app, volume).items() if name not in before)
