"""From Score files and state to the apps that should run, and their artefacts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from scorefly.config.settings import Settings
from scorefly.confined import exists, open_file, resolve, shown
from scorefly.convert.overlay import Overlay, lay_over, read_overlays
from scorefly.convert.places import place_of
from scorefly.convert.resource_app import convert_resource_app
from scorefly.convert.service import Route
from scorefly.convert.target import Target
from scorefly.convert.workload import convert
from scorefly.desired.app_names import app_name_conflicts
from scorefly.desired.artefacts import (
    artefact_folder,
    remove_stale_artefacts,
    shown_folder,
    working_folder,
    write_artefact,
)
from scorefly.desired.builds import repository_root, settle_build, stated_builds
from scorefly.desired.counts import read_scale, with_counts
from scorefly.desired.data_risks import changed_resources, changed_workload_volumes, lowered_volumes, replaced_resources
from scorefly.desired.hosts import assign_hosts
from scorefly.desired.load import Loaded
from scorefly.desired.orphans import is_owner_gone, orphan_problems, orphaned_resources
from scorefly.desired.promotion import with_promoted_images
from scorefly.desired.provision import Resolution, provision
from scorefly.fly.app import App
from scorefly.fly.check.checker import check
from scorefly.fly.check.finding import DOCUMENT, Finding
from scorefly.fly.machine_config import size_text
from scorefly.fly.strategy import effective_strategy
from scorefly.problems import InputError, Place, Problem, input_error, nearest, option_place, raise_errors
from scorefly.report.progress import Progress
from scorefly.report.report import AppReport, ResourceReport
from scorefly.resources.lookup import STAND_IN
from scorefly.score.placeholders import bounded_texts, references
from scorefly.score.workload import Workload
from scorefly.state.keeper import Keeper
from scorefly.state.names import app_names
from scorefly.values import holds_secret, reveal_text, texts_to_hide, to_text

REFERRING_TYPES = ("service", "service-port")


@dataclass(frozen=True, slots=True)
class DesiredApps:
    """The wanted apps, each behind those it needs, and what a report says of resources and problems."""

    apps: tuple[App, ...]
    resources: tuple[ResourceReport, ...]
    problems: tuple[Problem, ...]


@bounded_texts()
def compute_desired_apps(
    settings: Settings,
    loaded: Loaded,
    keeper: Keeper,
    progress: Progress,
    *,
    trial: bool = False,
    warnings: Sequence[Problem] = (),
) -> DesiredApps:
    """Return what Fly should run. Raises one InputError with all that is wrong; nothing is written by then."""
    progress.step(f"{_count(len(loaded.workloads), 'workload')}, {_count(len(loaded.graph.nodes), 'resource')}")
    before = keeper.state
    if not trial:
        settings = with_promoted_images(settings, loaded.workloads)
    replaced = replaced_resources(settings, loaded, before)
    resolution = provision(settings, loaded, keeper, progress, trial=trial, problems=replaced)
    problems = [*warnings, *loaded.problems, *resolution.problems]
    apps = _resource_apps(settings, loaded, resolution, problems)
    overlays = _overlays(settings, problems)
    # An error upstream would come again as an unknown output of everything that reads it.
    for workload in loaded.workloads:
        if not _depends_on_failure(workload, loaded, resolution):
            apps += _workload_app(settings, workload, loaded, resolution, problems, overlays, trial=trial)
    apps = assign_hosts(settings, loaded, resolution, before, apps, problems)
    problems += _name_clashes(apps, loaded)
    orphaned = {resource.uid for resource in orphaned_resources(settings, loaded, before)}
    problems += app_name_conflicts(apps, loaded, resolution, before, orphaned)
    problems += changed_resources(settings, loaded, before, keeper.state, resolution.apps, apps)
    problems += changed_workload_volumes(settings, loaded, before, apps)
    apps, lowered = lowered_volumes(settings, before, apps)
    problems += lowered
    problems += orphan_problems(orphaned_resources(settings, loaded, keeper.state))
    problems = list(dict.fromkeys(problems))
    progress.publish(_public(loaded, resolution, apps))
    for app in apps:
        progress.hide(texts_to_hide(dict(app.secrets)))
    raise_errors(problems)
    for problem in problems:
        progress.problem(problem)
    return DesiredApps(tuple(_in_order(apps)), _resource_reports(loaded, resolution), tuple(problems))


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
    settings: Settings, loaded: Loaded, wanted: DesiredApps, keeper: Keeper, progress: Progress
) -> None:
    """Save the state, then write the artefacts and remove those of apps that are gone. A dry run does neither."""
    if settings.dry_run:
        return
    keeper.save()
    write_artefacts(settings, wanted, progress)
    names = {app.name for app in wanted.apps}
    remove_stale_artefacts(settings, names, lambda owner: is_owner_gone(settings, loaded, keeper.state, owner))


def write_artefacts(settings: Settings, wanted: DesiredApps, progress: Progress) -> None:
    """Write the artefacts of all apps."""
    for app in wanted.apps:
        write_artefact(settings, app)
    kept = "a temporary folder" if settings.scratch else Path(settings.artefacts, settings.environment)
    progress.step(f"{_count(len(wanted.apps), 'app')} in {kept}")


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
    for uid, brought in resolution.apps.items():
        place, spec = loaded.graph.nodes[uid].place, loaded.provisioners[uid].spec
        for each in brought:
            at = place if spec.built_in else each.place
            app, found = convert_resource_app(each.name, each.owner, each.config, settings.region, at)
            problems += found
            if app:
                problems += _refused(settings, app, at)
                apps[each.name, spec.uri if each.shared else uid] = app
    return list(apps.values())


def _workload_app(
    settings: Settings,
    workload: Workload,
    loaded: Loaded,
    resolution: Resolution,
    problems: list[Problem],
    overlays: Sequence[Overlay],
    *,
    trial: bool,
) -> list[App]:
    name, config = settings.app_name(workload.name), settings.config(workload.name)
    scale = read_scale(settings, workload, loaded, resolution.params, problems)
    auto_stop = scale.autoscaler.auto_stop if scale.autoscaler else "off"
    target = Target(
        workspace=settings.workspace,
        app_name=name,
        region=scale.region,
        images={**({workload.name: config.image} if config.image else {}), **settings.images.by_name},
        default_image=settings.images.default,
        unsupported="warn" if settings.unsupported == "warn" else "error",
        flycast=resolution.workloads[workload.name].flycast,
        artefact=PurePosixPath(artefact_folder(settings, name).as_posix()),
        auto_stop=settings.auto_stop or auto_stop,
        min_running=scale.autoscaler.least if scale.autoscaler else None,
        trial=trial,
        builds=stated_builds(settings, workload),
        checkout=repository_root(settings, workload.file.parent),
    )
    uids = loaded.graph.uids_of(workload)
    if secret := _secret_words(workload, loaded, resolution):
        problems += secret
        return []
    routes = [_route(resource, resolution.params[uid]) for resource, uid in uids.items() if _is_route(loaded, uid)]
    converted = convert(workload, resolution.lookup(workload, loaded), routes, target)
    problems += converted.problems
    if converted.app is None:
        return []
    overlays = [*overlays, *_overlays(settings, problems, workload.name)]
    if config.fly:
        overlays.append(Overlay(config.fly.file, config.fly.data))
    app = settle_build(settings, with_counts(lay_over(converted.app, overlays), scale, problems))
    problems += _refused(settings, app, workload, overlays)
    needs = [app.name for uid in uids.values() for app in resolution.apps.get(uid, ())]
    for uid in uids.values():
        if (other := _other_workload(loaded, resolution, uid)) and other != workload.name:
            needs.append(settings.app_name(other))
            problems += _moved_ports(loaded, resolution, uid, other)
    for other in config.after:
        if other in settings.workloads or any(each.name == other for each in loaded.workloads):
            needs.append(settings.app_name(other))
        else:
            names = [each.name for each in loaded.workloads if each.name != workload.name]
            problems.append(Problem(f"after: unknown workload {other!r}", nearest(other, names), config.place("after")))
    return [replace(app, needs=tuple(sorted(set(needs) - {name})))]


def _overlays(settings: Settings, problems: list[Problem], workload: str = "") -> tuple[Overlay, ...]:
    """The overlays of a workload, or those for all; what is wrong with one is a problem."""
    try:
        return read_overlays(settings.workspace, workload, settings.folder)
    except InputError as error:
        problems += error.problems
        return ()


def _refused(settings: Settings, app: App, source: Workload | Place, overlays: Sequence[Overlay] = ()) -> list[Problem]:
    """Find what Fly would refuse of an app, before Fly is called; `source` is what it was made of."""
    folder = settings.workspace / artefact_folder(settings, app.name)
    config = app.config
    strategy = effective_strategy(settings.strategy, has_volumes=bool(app.volumes))
    if strategy and isinstance(deploy := config.get("deploy", {}), Mapping):
        config = {**config, "deploy": {**deploy, "strategy": strategy}}
    names = [*(["machine.json"] if app.machine else []), *(f"files/{name}" for name in app.files)]
    beside = {os.path.relpath(folder / name, working_folder(settings, app)) for name in names}
    return [
        Problem(
            f"{Path(finding.document).name} of {app.name}: {finding.where}: {finding.message}",
            finding.hint,
            option_place("strategy")
            if strategy and finding.path == ("deploy", "strategy")
            else source
            if isinstance(source, Place)
            else _blamed(source, app, finding, overlays),
            finding.severity,
        )
        for finding in (*check(config, app.machine or None, beside), *_build_findings(settings, app))
    ]


def _build_findings(settings: Settings, app: App) -> list[Finding]:
    """Report files of `[build]` that flyctl would read, and that are not regular files of the workspace."""
    build = app.config.get("build")
    if not isinstance(build, Mapping):
        return []
    found = []
    if build.get("compose"):
        hint = "describe the containers in the Score file"
        found.append(Finding(("build", "compose"), "makes flyctl read files that scorefly did not check", hint))
    for key in ("dockerfile", "ignorefile"):
        name = build.get(key)
        if not isinstance(name, str) or not name:
            continue
        try:
            if Path(name).is_absolute():
                raise input_error(f"{shown(name)} is an absolute path", "give a path relative to the build context")
            root = repository_root(settings, app.image if isinstance(app.image, str) else app.image.context)
            path = Path(os.path.normpath(settings.workspace / artefact_folder(settings, app.name) / name))
            resolve(root, path, Place(name))
            if exists(root, path):
                open_file(root, path, Place(name)).close()
        except InputError as error:
            found += [Finding(("build", key), problem.message, problem.hint) for problem in error.problems]
    return found


def _blamed(source: Workload, app: App, finding: Finding, overlays: Sequence[Overlay]) -> Place:
    """The last overlay that says something of it, else the Score file."""
    for overlay in reversed(overlays):
        if finding.document == DOCUMENT and finding.path[:1] and finding.path[0] in overlay.config:
            return Place(overlay.file)
    return place_of(source, app, finding)


def _secret_words(workload: Workload, loaded: Loaded, resolution: Resolution) -> list[Problem]:
    """Params that fly.toml or messages show, and that are secret."""
    shown = {
        "route": ("host", "path", "port"),
        "dns": ("host",),
        **dict.fromkeys(REFERRING_TYPES, ("workload", "port")),
    }
    return [
        Problem(
            f"{name} of {loaded.graph.nodes[uid].type} {resource!r} is secret, and is shown in fly.toml or messages",
            "take it from something that is not secret",
            workload.place("resources", resource, "params", name),
        )
        for resource, uid in loaded.graph.uids_of(workload).items()
        for name in shown.get(loaded.graph.nodes[uid].type, ())
        if holds_secret(resolution.params[uid].get(name))
    ]


def _is_route(loaded: Loaded, uid: str) -> bool:
    return loaded.graph.nodes[uid].type == "route"


def _route(name: str, params: Mapping[str, object]) -> Route:
    port = params.get("port", "")
    text = reveal_text(to_text(port)) if not isinstance(port, int) else port  # type: ignore[arg-type]
    return Route(
        name=name,
        path=reveal_text(to_text(params.get("path", "/"))),  # type: ignore[arg-type]
        port=int(text) if str(text).isdecimal() else text,
    )


def _other_workload(loaded: Loaded, resolution: Resolution, uid: str) -> str:
    """The workload a `service` or `service-port` names: it has to run before the one that connects to it."""
    node = loaded.graph.nodes[uid]
    if node.type not in REFERRING_TYPES:
        return ""
    named = resolution.params.get(uid, {}).get("workload")
    return reveal_text(to_text(named)) if named is not None else node.name


def _moved_ports(loaded: Loaded, resolution: Resolution, uid: str, other: str) -> list[Problem]:
    """A `service` is a name, with a port written by hand beside it: without Flycast that has to be the target port."""
    node = loaded.graph.nodes[uid]
    found = next((each for each in loaded.workloads if each.name == other), None)
    if node.type != "service" or found is None or resolution.workloads[other].flycast:
        return []
    return [
        Problem(
            f"{other} answers other apps at port {port.target_port}, not at its service port {port.port}",
            f"connect to {port.target_port}, or take both from a resource of type service-port",
            node.place,
            severity="warning",
        )
        for port in found.ports.values()
        if port.port != port.target_port
    ]


def _depends_on_failure(workload: Workload, loaded: Loaded, resolution: Resolution) -> bool:
    return any(uid not in resolution.outputs for uid in loaded.graph.uids_of(workload).values())


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


def _in_order(apps: Sequence[App]) -> list[App]:
    """Each app behind those it needs, by name where order is free; needs outside the run count as met.

    Workloads that name each other are deployed together: their addresses are known beforehand.
    """
    from scorefly.desired.order import waves

    by_name = {app.name: app for app in apps}
    needs = {app.name: tuple(need for need in app.needs if need in by_name) for app in apps}
    ordered, kept = waves(needs)
    return [replace(by_name[name], needs=kept[name]) for wave in ordered for name in wave]


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


def with_stand_in_variables(settings: Settings, loaded: Loaded) -> tuple[Settings, list[Problem]]:
    """For a trial: variables that Score files read and that were not given, each with a warning."""
    missing: dict[str, Problem] = {}
    for workload in loaded.workloads:
        names = {name for name, each in workload.resources.items() if each.type == "environment"}
        for place, text in workload.texts():
            for reference in references(text):
                if len(reference) > 2 and reference[0] == "resources" and reference[1] in names:
                    name = reference[2]
                    if name not in settings.variables and name not in missing:
                        hint = "generate and deploy need it: pass it with `variables`"
                        missing[name] = Problem(f"no variable {name!r} is given", hint, place, severity="warning")
    variables = {**dict.fromkeys(missing, STAND_IN), **settings.variables}
    return replace(settings, variables=variables), list(missing.values())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
