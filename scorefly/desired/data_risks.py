"""Edits after which an app would work on other data than before: an empty database, another engine, another bucket.

What holds data is read from state: the volumes of the apps that were deployed last, and what resources gave out.
Nothing is taken from a name that happens to match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.desired.last_deploy import LastDeploy, data_in, data_of, last_deploy, volume_paths
from scorefly.desired.load import Loaded
from scorefly.desired.managed_data import managed_data_in
from scorefly.desired.orphans import gone_workloads, orphaned_resources
from scorefly.fly.app import App, VolumeClaim
from scorefly.problems import Place, Problem
from scorefly.resources.graph import ResourceNode
from scorefly.resources.provisioner import ResourceApp
from scorefly.state.document import NOT_KEPT, AppState, EnvironmentState, ResourceState
from scorefly.values import Tree, holds_given, holds_secret

REPORTING = ("validate", "generate", "plan", "deploy", "preview")
_REFUSING = ("generate", "plan", "deploy")
_NAMES_OF_DATA = ("bucket", "name", "database", "vhost")
PREFIX = "data risk: "


def replaced_resources(settings: Settings, loaded: Loaded, state: EnvironmentState) -> list[Problem]:
    """Report resources with data whose place in a Score file is taken by another one. Found before anything is made."""
    if settings.command not in REPORTING:
        return []
    orphaned = {each.uid: each for each in orphaned_resources(settings, loaded, state)}
    gone = gone_workloads(settings, loaded, state)
    problems = []
    for node in loaded.graph.nodes.values():
        if not _is_new(state, node.uid):
            continue
        for old in orphaned.values():
            if (data := data_of(state, old)) and _takes_the_place(node, old, gone):
                problems.append(_replacement(settings, node, old, data))
    return problems


def takes_the_place_of(loaded: Loaded, uid: str, old: ResourceState) -> bool:
    """Report whether a resource of this run is where another one was in a Score file."""
    node = loaded.graph.nodes.get(uid)
    return node is not None and _takes_the_place(node, old, ())


def _is_new(state: EnvironmentState, uid: str) -> bool:
    known = state.resources.get(uid)
    if known and managed_data_in(known):
        return False
    return known is None or not (known.apps and any(state.apps.get(name, _NONE).id for name in known.apps))


_NONE = AppState("", "")


def _takes_the_place(node: ResourceNode, old: ResourceState, gone: Iterable[str]) -> bool:
    if node.id == old.id:
        return True
    if node.type != old.type:
        return False
    if set(old.workloads) & set(node.workloads):
        return True
    return old.id in {f"{workload}.{name}" for workload in gone for _, name in node.users}


def _replacement(settings: Settings, node: ResourceNode, old: ResourceState, data: str) -> Problem:
    same_kind = (node.type, node.class_) == (old.type, old.class_) and node.id != old.id
    message = f"{node.uid} takes the place of {old.uid} and is new and empty; the data of {old.uid} stays in {data}"
    kept = "the data and its password" if managed_data_in(old) else "the app, its volume and its password"
    move = f"`scorefly resources move '{old.uid}' '{node.uid}'` keeps {kept}; "
    undo = "" if same_kind else f"undo the edit to keep it, or set replace to '{old.uid}' to go on with an empty one; "
    after = f"`scorefly resources deprovision '{old.uid}'` removes the old data when it is no longer needed"
    return _risk(settings, message, f"{move if same_kind else undo}{after}", node.place, old.uid, refuse=not same_kind)


def changed_resources(
    settings: Settings,
    loaded: Loaded,
    before: EnvironmentState,
    after: EnvironmentState,
    resource_apps: Mapping[str, Sequence[ResourceApp]],
    apps: Sequence[App],
) -> list[Problem]:
    """Report resources that were there before and would keep their data elsewhere, or run it with another engine."""
    if settings.command not in REPORTING:
        return []
    by_name = {app.name: app for app in apps}
    problems: list[Problem] = []
    for uid, node in loaded.graph.nodes.items():
        old, new = before.resources.get(uid), after.resources.get(uid)
        if old is None or new is None or uid not in resource_apps or not data_of(before, old):
            continue
        if old.provisioner != new.provisioner:
            message = f"{uid} was made by {old.provisioner} and is made by {new.provisioner} from now on"
            hint = "check that it runs the same engine on the same data"
            problems.append(_risk(settings, message, hint, node.place, uid))
        problems += _moved_apps(settings, node, old, {each.name for each in resource_apps[uid]}, before)
        problems += _changed_outputs(settings, node, old, new)
        for each in resource_apps[uid]:
            problems += _changed_engine(settings, node, before.apps.get(each.name), by_name.get(each.name))
    return problems


def _moved_apps(
    settings: Settings, node: ResourceNode, old: ResourceState, names: set[str], state: EnvironmentState
) -> Iterator[Problem]:
    for name in old.apps:
        data = data_in(state.apps.get(name))
        if data and name not in names:
            new = f"{', '.join(sorted(names))} from now on, which is empty" if names else "no app from now on"
            message = f"the data of {node.uid} stays in {data}, and the resource uses {new}"
            hint = (
                "undo the change of the app-prefix, the app-suffix or the provisioner to keep it, or copy the data over"
            )
            yield _risk(settings, message, hint, node.place, node.uid)


def _changed_outputs(
    settings: Settings, node: ResourceNode, old: ResourceState, new: ResourceState
) -> Iterator[Problem]:
    for name, value in old.outputs.items():
        now = new.outputs.get(name)
        if now is None or now == value or NOT_KEPT in (value, now) or holds_given(now):
            continue
        if holds_secret(value):
            message = f"{node.uid} gets another {name}; what is in its data still has the old one"
            yield _risk(settings, message, "keep the name of the template's state key", node.place, node.uid)
        elif name in _NAMES_OF_DATA and not _is_repeated(name, old.outputs, value):
            message = f"{node.uid} uses {name} {now!r} from now on, which is empty; its data stays in {value!r}"
            yield _risk(settings, message, f"set it back to {value!r}, or copy the data over", node.place, node.uid)


def _is_repeated(name: str, outputs: Mapping[str, Tree], value: Tree) -> bool:
    """Decide whether an earlier output says the same: a database's `name` is its `database`, too."""
    names = _NAMES_OF_DATA[: _NAMES_OF_DATA.index(name)]
    return any(outputs.get(each) == value for each in names)


def _changed_engine(
    settings: Settings, node: ResourceNode, known: AppState | None, app: App | None
) -> Iterator[Problem]:
    last = last_deploy(known)
    if app is None or not last.volumes or not last.image or not isinstance(app.image, str) or app.image == last.image:
        return
    volume = f"volume {last.volumes[0].name} of app {app.name}"
    (old_engine, old_version), (engine, version) = _engine(last.image), _engine(app.image)
    if engine != old_engine:
        message = f"{node.uid} would run {app.image} on the {volume}, which {last.image} wrote"
        hint = f"undo the edit, or set replace to '{node.uid}' if the new image reads that data"
        yield _risk(settings, message, hint, node.place, node.uid, refuse=True)
    elif version[:1] != old_version[:1] or version < old_version:
        way = "lowered" if version < old_version else "raised"
        message = f"the version of {node.uid} is {way}, from {last.image} to {app.image}, on the {volume}"
        hint = "databases read the files of another version only after an upgrade: take a backup, or set it back"
        yield _risk(settings, message, hint, node.place, node.uid)


def changed_workload_volumes(
    settings: Settings, loaded: Loaded, state: EnvironmentState, apps: Sequence[App]
) -> list[Problem]:
    """Report workloads whose volume would be another, empty one: renamed volumes, workloads and prefixes."""
    if settings.command not in REPORTING:
        return []
    files = {workload.name: workload for workload in loaded.workloads}
    gone, names = gone_workloads(settings, loaded, state), {app.name for app in apps}
    problems = []
    for app in apps:
        if not app.workload or not app.volumes or app.workload not in files:
            continue
        place = files[app.workload].place("metadata", "name")
        known = last_deploy(state.apps.get(app.name))
        lost = {each.name for each in known.volumes} - {each.name for each in app.volumes}
        if lost:
            message = f"{app.name} uses volume {app.volumes[0].name} from now on, which is empty"
            hint = f"its data stays in volume {', '.join(sorted(lost))}: set the name back to keep it"
            problems.append(_risk(settings, message, hint, place, app.workload))
        for name, path in volume_paths(app.config).items():
            before = known.paths.get(name, path)
            if path.rstrip("/") != before.rstrip("/"):
                message = f"volume {name} of {app.name} is mounted at {path} from now on, and was at {before}"
                hint = f"a program that reads {before} finds nothing there: set the path back, or change the program"
                problems.append(_risk(settings, message, hint, place, app.workload))
        if app.name in state.apps:
            continue
        for old in state.apps.values():
            moved = old.workload == app.workload or (
                old.workload in gone and {each.name for each in last_deploy(old).volumes} & {app.volumes[0].name}
            )
            if moved and old.name not in names and (data := data_in(old)):
                message = f"{app.name} takes the place of {old.name} with a new, empty volume; the data stays in {data}"
                hint = "set the workload's name, the app-prefix and the app-suffix back to keep it, or copy it over"
                problems.append(_risk(settings, message, hint, place, app.workload))
    return problems


def lowered_volumes(
    settings: Settings, state: EnvironmentState, apps: Sequence[App]
) -> tuple[list[App], list[Problem]]:
    """Leave volumes at the size they have: Fly's do not shrink, so nothing is to be deployed for a smaller one."""
    kept, problems = [], []
    for app in apps:
        last = last_deploy(state.apps.get(app.name)) if app.volumes else LastDeploy()
        sizes = {each.name: each.size_gb for each in last.volumes}
        lowered = [claim for claim in app.volumes if claim.size_gb < sizes.get(claim.name, 0)]
        kept.append(_with_sizes(app, {claim.name: sizes[claim.name] for claim in lowered}) if lowered else app)
        problems += [
            Problem(
                f"volume {claim.name} of {app.name} stays at {sizes[claim.name]} GB instead of {claim.size_gb} GB",
                "Fly's volumes do not shrink: set the size back, or copy the data to a new, smaller one",
                severity="warning",
            )
            for claim in lowered
            if settings.command in REPORTING
        ]
    return kept, problems


def _with_sizes(app: App, sizes: Mapping[str, int]) -> App:
    mounts = app.config.get("mounts") or []
    changed = [
        {**each, "initial_size": f"{sizes[each['source']]}gb"} if each.get("source") in sizes else each
        for each in (mounts if isinstance(mounts, list) else [mounts])
    ]
    claims = tuple(VolumeClaim(each.name, sizes.get(each.name, each.size_gb)) for each in app.volumes)
    return replace(
        app, config={**app.config, "mounts": changed if isinstance(mounts, list) else changed[0]}, volumes=claims
    )


def _risk(
    settings: Settings, message: str, hint: str, place: Place | None, uid: str, *, refuse: bool = False
) -> Problem:
    refused = refuse and settings.command in _REFUSING and uid not in settings.replace
    return Problem(f"{PREFIX}{message}", hint, place, "error" if refused else "warning")


def _engine(image: str) -> tuple[str, tuple[int, ...]]:
    """Split an image into its repository and the numbers of its version."""
    repository, _, tag = image.partition("@")[0].rpartition(":")
    if not repository or "/" in tag:
        repository, tag = image.partition("@")[0], ""
    numbers = re.match(r"\D*?(\d+(?:\.\d+)*)", tag)
    return repository, tuple(int(each) for each in numbers[1].split(".")) if numbers else ()
