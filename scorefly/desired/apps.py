"""From Score files and state to the apps that should run, and their artefacts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.convert.overlay import Overlay, lay_over, read_overlays
from scorefly.convert.resource_app import convert_resource_app
from scorefly.convert.workload import convert
from scorefly.desired.app_names import app_name_conflicts
from scorefly.desired.artefacts import (
    remove_stale_artefacts,
    shown_folder,
    write_artefact,
)
from scorefly.desired.builds import settle_build
from scorefly.desired.counts import with_counts
from scorefly.desired.data_risks import changed_resources, changed_workload_volumes, lowered_volumes, replaced_resources
from scorefly.desired.dependencies import in_order
from scorefly.desired.fly_problems import fly_problems
from scorefly.desired.former_servers import with_former_servers
from scorefly.desired.hosts import assign_hosts
from scorefly.desired.last_deploy import data_in
from scorefly.desired.load import Loaded
from scorefly.desired.orphans import (
    find_orphans,
    is_owner_gone,
    orphan_problems,
    orphaned_app_problems,
    orphaned_resources,
)
from scorefly.desired.overlaid import read_overlaid
from scorefly.desired.promotion import with_promoted_images
from scorefly.desired.provision import provision
from scorefly.desired.resolution import Resolution
from scorefly.desired.shared_servers import with_shared_servers
from scorefly.desired.stated import with_stated
from scorefly.desired.workload_inputs import WorkloadInputs, workload_inputs
from scorefly.fly.api import FlyApi
from scorefly.fly.app import App
from scorefly.fly.machine_config import size_text
from scorefly.problems import InputError, Problem, raise_errors
from scorefly.report.progress import Progress
from scorefly.report.report import AppReport, ResourceReport
from scorefly.run import Run
from scorefly.score.placeholders import bounded_texts
from scorefly.score.workload import Workload
from scorefly.state.names import app_names
from scorefly.values import texts_to_hide


class DesiredApps(Struct, frozen=True):
    """The wanted apps, each behind those it needs, and what a report says of resources and problems."""

    apps: tuple[App, ...]
    resources: tuple[ResourceReport, ...]
    problems: tuple[Problem, ...]


@bounded_texts()
def compute_desired_apps(
    run: Run,
    loaded: Loaded,
    *,
    trial: bool = False,
    warnings: Sequence[Problem] = (),
    api: FlyApi | None = None,
) -> DesiredApps:
    """Return what Fly should run. Raises one InputError with all that is wrong; nothing is written by then.

    With an `api`, managed databases that are missing are made.
    """
    run.progress.step(f"{_count(len(loaded.workloads), 'workload')}, {_count(len(loaded.graph.nodes), 'resource')}")
    before = run.state
    loaded = with_former_servers(with_shared_servers(run.settings, loaded, before), before)
    if not trial:
        run = replace(run, settings=with_promoted_images(run.settings, loaded.workloads))
    replaced = replaced_resources(run.settings, loaded, before)
    resolution = provision(run, loaded, trial=trial, problems=replaced, api=api)
    problems = [*warnings, *loaded.problems, *resolution.problems]
    apps = _resource_apps(run.settings, loaded, resolution, problems)
    overlays = _overlays(run.settings, problems)
    for workload in loaded.workloads:
        own = (*overlays, *_overlays_of(run.settings, workload, problems))
        inputs = workload_inputs(run.settings, workload, loaded, resolution, own, problems, trial=trial)
        if inputs and (app := _workload_app(run.settings, inputs, problems)):
            apps.append(app)
    apps = assign_hosts(run.settings, loaded, resolution, before, apps, problems)
    problems += _name_clashes(apps, loaded)
    orphaned = {resource.uid for resource in orphaned_resources(run.settings, loaded, before)}
    problems += app_name_conflicts(apps, loaded, resolution, before, orphaned)
    problems += changed_resources(run.settings, loaded, before, run.state, resolution.apps, apps)
    problems += changed_workload_volumes(run.settings, loaded, before, apps)
    apps, lowered = lowered_volumes(run.settings, before, apps)
    problems += lowered
    orphans = find_orphans(run.settings, loaded, {app.name for app in apps}, run.state)
    problems += orphan_problems(orphans.resources, run.state)
    problems += orphaned_app_problems(run.settings, orphans, data_in)
    problems = list(dict.fromkeys(problems))
    run.progress.publish(_public(loaded, resolution, apps))
    for app in apps:
        run.progress.hide(texts_to_hide(dict(app.secrets)))
    raise_errors(problems)
    for problem in problems:
        run.progress.problem(problem)
    return DesiredApps(tuple(in_order(apps)), _resource_reports(loaded, resolution), tuple(problems))


def _public(loaded: Loaded, resolution: Resolution, apps: Sequence[App]) -> Iterator[str]:
    """Yield the names of apps, resources and hosts: a secret that equals one of them is not taken out of messages."""
    yield from app_names(app.name for app in apps)
    yield from (str(workload.file) for workload in loaded.workloads)
    for uid, node in loaded.graph.nodes.items():
        yield from (uid, node.type, node.class_, node.id, node.name)
        host = resolution.params.get(uid, {}).get("host")
        if node.type in ("route", "dns") and isinstance(host, str):
            yield from (host, f"https://{host}")
    for app in apps:
        for host in app.hosts:
            yield from (host, f"https://{host}")


def save_and_write_artefacts(
    run: Run,
    loaded: Loaded,
    desired: DesiredApps,
) -> None:
    """Save the state, then write the artefacts and remove those of apps that are gone. A dry run does neither."""
    if run.settings.dry_run:
        return
    run.keeper.save()
    write_artefacts(run.settings, desired, run.progress)
    names = {app.name for app in desired.apps}
    remove_stale_artefacts(run.settings, names, lambda owner: is_owner_gone(run.settings, loaded, run.state, owner))


def write_artefacts(settings: Settings, desired: DesiredApps, progress: Progress) -> None:
    """Write the artefacts of all apps."""
    for app in desired.apps:
        write_artefact(settings, app)
    kept = "a temporary folder" if settings.scratch else Path(settings.artefacts, settings.environment)
    progress.step(f"{_count(len(desired.apps), 'app')} in {kept}")


def app_report(settings: Settings, app: App) -> AppReport:
    """Return what is known of an app before it is deployed."""
    return AppReport(
        app=app.name,
        owner=app.owner,
        status="generated",
        workload=app.workload,
        url=app.url,
        image=app.image if isinstance(app.image, str) else f"built from {app.image.dockerfile}",
        size=size_text(app.config),
        region=app.region,
        artefact=shown_folder(settings, app.name),
        ports=app.ports,
    )


def _resource_apps(settings: Settings, loaded: Loaded, resolution: Resolution, problems: list[Problem]) -> list[App]:
    """The apps of resources. One that resources share is the last one's: it was made knowing the others."""
    apps: dict[tuple[str, str], App] = {}
    for uid, resource_apps in resolution.apps.items():
        place, spec = loaded.graph.nodes[uid].place, loaded.provisioners[uid].spec
        for each in resource_apps:
            at = place if spec.built_in else each.place
            app, found = convert_resource_app(each.name, each.owner, each.config, settings.region, at)
            problems += found
            if app:
                problems += fly_problems(settings, app, at)
                apps[each.name, spec.uri if each.shared else uid] = app
    return list(apps.values())


def _workload_app(settings: Settings, inputs: WorkloadInputs, problems: list[Problem]) -> App | None:
    """Convert a workload, lay the overlays over it, and check the result."""
    converted = convert(inputs.workload, inputs.lookup, inputs.routes, inputs.target)
    problems += converted.problems
    if converted.app is None:
        return None
    app = read_overlaid(lay_over(converted.app, inputs.overlays), inputs.overlays, problems)
    app = with_stated(app, settings.config(inputs.workload.name), problems)
    app = with_counts(settle_build(settings, app), inputs.scale, problems)
    problems += fly_problems(settings, app, inputs.workload, inputs.overlays)
    deploy_args = settings.config(inputs.workload.name).deploy_args
    return replace(app, needs=inputs.needs, deploy_args=deploy_args)


def _overlays_of(settings: Settings, workload: Workload, problems: list[Problem]) -> Iterator[Overlay]:
    """Yield the overlays of one workload: its file, then the `fly` fragment of the project file."""
    yield from _overlays(settings, problems, workload.name)
    if fragment := settings.config(workload.name).fly:
        yield Overlay(fragment.file, fragment.data)


def _overlays(settings: Settings, problems: list[Problem], workload: str = "") -> tuple[Overlay, ...]:
    """The overlays of a workload, or those for all; what is wrong with one is a problem."""
    try:
        return read_overlays(settings.workspace, workload, settings.folder)
    except InputError as error:
        problems += error.problems
        return ()


def _name_clashes(apps: Sequence[App], loaded: Loaded) -> list[Problem]:
    owners: dict[str, App] = {}
    problems = []
    for app in apps:
        first = owners.setdefault(app.name, app)
        if first is not app:
            workload = next((each for each in loaded.workloads if each.name in (app.workload, first.workload)), None)
            problems.append(
                Problem(
                    f"two apps would be called {app.name!r}: those of {first.owner} and {app.owner}",
                    "rename the workload or the resource",
                    workload.place("metadata", "name") if workload else loaded.graph.nodes[app.owner].place,
                )
            )
    return problems


def _resource_reports(loaded: Loaded, resolution: Resolution) -> tuple[ResourceReport, ...]:
    return tuple(
        ResourceReport(
            uid=uid,
            provisioner=loaded.provisioners[uid].spec.uri,
            workloads=node.workloads,
            needs=node.needs,
            apps=tuple(app.name for app in resolution.apps.get(uid, ())),
        )
        for uid, node in loaded.graph.nodes.items()
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
