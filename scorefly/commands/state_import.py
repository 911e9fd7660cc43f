"""`state import`: what score-flyio knows of its workloads, resources and provisioners becomes ours.

The format is that of score-flyio's `.score-flyio/state.yaml`, which holds passwords as they are: everything but names
is taken for secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from scorefly import safe_files
from scorefly.confined import read_file, scope_of, shown
from scorefly.deployment.connection import connect
from scorefly.deployment.inspection import find_app
from scorefly.deployment.machine_counts import app_machines
from scorefly.deployment.ownership import marks, other_environment
from scorefly.problems import ExternalError, Place, Problem, external_error, input_error
from scorefly.run import Run
from scorefly.score.document import parse
from scorefly.state.document import AppState, EnvironmentState, ResourceState
from scorefly.values import Tree, conceal

DEFAULT = ".score-flyio/state.yaml"
PROVISIONERS = ".scorefly/score-flyio.provisioners.yaml"


class Imported(Struct, frozen=True):
    """The result of an import: uids of resources, names of apps with their prefix, and the provisioner file written.

    `taken_over` are the apps that were found on Fly and are this environment's now.
    """

    resources: tuple[str, ...]
    apps: tuple[str, ...]
    app_prefix: str
    provisioners: str
    taken_over: tuple[str, ...]


def import_score_flyio(run: Run, path: str) -> Imported:
    """Adds what the file knows to the environment's state, and takes its apps over where there is a token.

    Raises InputError: no such file, or known already. A second import takes over apps that the first one could not.
    """
    data = _read(run.settings.workspace, path)
    prefix = str(data.get("app_prefix") or "")
    resources = [_resource(uid, each, Place(path)) for uid, each in _mapping(data, "resources", path).items()]
    workloads = _mapping(data, "workloads", path)
    apps = [_app(name, prefix, each) for name, each in workloads.items()]
    connected = bool(run.settings.fly_api_token or run.settings.rehearse)
    if not (connected and _is_imported(run.state, resources, apps)):
        _refuse_known(run.state, resources, path)
    text = _provisioner_file(data.get("provisioners") or [], path)
    written = _write(run.settings.workspace, text) if text else ""
    shared = _concealed(_mapping(data, "shared_state", path))

    def changed(state: EnvironmentState) -> EnvironmentState:
        for resource in resources:
            state = state.with_resource(state.resources.get(resource.uid, resource))
        for app in apps:
            state = state.with_app(state.apps.get(app.name, app))
        return replace(state, shared={**shared, **state.shared})

    run.keeper.record(changed)
    names = tuple(app.name for app in apps)
    taken_over: tuple[str, ...] = ()
    if names and connected:
        taken_over = _take_over(run, names)
    elif names:
        hint = "set fly-api-token and import again: until then, deploy refuses apps that run"
        run.progress.problem(Problem("the apps were not looked up on Fly: there is no token", hint, severity="warning"))
    return Imported(tuple(each.uid for each in resources), names, prefix, written, taken_over)


def _is_imported(state: EnvironmentState, resources: list[ResourceState], apps: list[AppState]) -> bool:
    """Decide whether all is known from an earlier import, and some apps were not taken over then."""
    known = all(each.uid in state.resources for each in resources) and all(each.name in state.apps for each in apps)
    return known and any(not state.apps[app.name].id for app in apps)


def _take_over(run: Run, names: Sequence[str]) -> tuple[str, ...]:
    """Mark the Machines of apps as this environment's and keep the apps' ids, so that deploy accepts them.

    An app that Machines say is another environment's is left alone, with a warning, and so is one elsewhere.
    """
    taken_over = []
    with connect(run.settings, run.keeper) as connection:
        for name in names:
            app = run.state.apps[name]
            try:
                found = find_app(run.settings, connection.api, name)
            except ExternalError as error:
                run.progress.problem(replace(error.problems[0], severity="warning"))
                continue
            if found is None or app.id == found.id:
                continue
            machines = connection.api.find_machines(name) or ()
            if other := other_environment(run.settings, machines):
                message = f"the app {name!r} belongs to {other}, so it is not taken over"
                run.progress.problem(Problem(message, "choose another app-prefix or app-suffix", severity="warning"))
                continue
            run.keeper.record(partial(EnvironmentState.with_app, app=replace(app, id=found.id)))
            for machine in app_machines(machines):
                for key, value in marks(run.settings, run.state, app.owner).items():
                    connection.api.set_metadata(name, machine.id, key, value)
            taken_over.append(name)
    return tuple(taken_over)


def _read(workspace: Path, path: str) -> dict[str, Any]:
    content = read_file(*scope_of(workspace, path, outside=True), Place(shown(path)))
    data: dict[str, Any] = parse(content, path).data
    if "resources" not in data or "workloads" not in data:
        raise input_error("this is not a state of score-flyio", "it has `workloads` and `resources`", Place(path))
    return data


def _mapping(data: Mapping[str, Any], key: str, path: str) -> dict[str, Any]:
    found = data.get(key) or {}
    if not isinstance(found, dict):
        raise input_error(f"{key} is not a mapping", "", Place(path))
    return found


def _resource(uid: str, data: Any, place: Place) -> ResourceState:
    try:
        return ResourceState(
            uid=uid,
            guid=str(data["guid"]),
            provisioner=str(data.get("provisioner") or ""),
            type=str(data["type"]),
            class_=str(data["class"]),
            id=str(data["id"]),
            workloads=(str(data["source_workload"]),) if data.get("source_workload") else (),
            metadata=dict(data.get("metadata") or {}),
            params=_concealed(data.get("params")),
            state=_concealed(data.get("state")),
            outputs=_concealed(data.get("outputs")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise input_error(f"resource {uid} is not as score-flyio writes it", "", place) from error


def _concealed(data: Any) -> dict[str, Tree]:
    return {str(key): conceal(value) for key, value in dict(data or {}).items()}


def _app(workload: str, prefix: str, data: Any) -> AppState:
    spec = data.get("spec") if isinstance(data, dict) else None
    service = (spec.get("service") if isinstance(spec, dict) else None) or {}
    ports = {
        str(name): (int(port["port"]), int(port.get("targetPort") or port["port"]))
        for name, port in (service.get("ports") or {}).items()
    }
    return AppState(name=f"{prefix}{workload}", owner=workload, workload=workload, ports=ports)


def _refuse_known(state: EnvironmentState, resources: list[ResourceState], path: str) -> None:
    known = [each.uid for each in resources if each.uid in state.resources]
    if known:
        hint = "import into an environment that has not provisioned them yet"
        raise input_error(f"the state of {state.environment} knows {', '.join(known)} already", hint, Place(path))


def _provisioner_file(entries: Any, path: str) -> str:
    """Its provisioners as a file of ours; empty when it has none."""
    import yaml

    if not isinstance(entries, list):
        raise input_error("provisioners is not a list", "", Place(path))
    made = [_entry(each) for each in entries if isinstance(each, dict)]
    return yaml.safe_dump(made, sort_keys=False, allow_unicode=True) if made else ""


def _entry(data: Mapping[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": str(data.get("resource_type"))}
    entry |= {key: str(data[f"resource_{key}"]) for key in ("class", "id") if data.get(f"resource_{key}")}
    if cmd := data.get("cmd"):
        return {"uri": f"cmd://{cmd.get('binary')}", **entry, "args": [str(word) for word in cmd.get("args") or ()]}
    if http := data.get("http"):
        url = str(http.get("url"))
        return {"uri": url, **entry, **({"insecure": True} if url.startswith("http:") else {})}
    return {"uri": f"static://{data.get('id') or 'score-flyio'}", **entry, "outputs": data.get("static") or {}}


def _write(workspace: Path, text: str) -> str:
    """Never over a file that is there; one that says the same is fine."""
    path = Path(PROVISIONERS)
    try:
        if not safe_files.create(workspace, path, text.encode()) and safe_files.read(workspace, path) != text.encode():
            raise input_error("there is such a file already", "move it away first", Place(PROVISIONERS))
    except OSError as error:
        raise external_error(f"{PROVISIONERS} cannot be written: {error.strerror}") from error
    return PROVISIONERS
