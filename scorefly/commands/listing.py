"""`provisioners list`, `resources list`, `resources outputs`, `export-secrets`: looking, and changing nothing."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from scorefly.config.settings import Settings
from scorefly.deployment.deprovisioning import apps_of, resource_in
from scorefly.desired.apps import compute_desired_apps
from scorefly.desired.load import load, provisioners_of
from scorefly.desired.orphans import not_looked_at, orphaned_resources, users_of
from scorefly.problems import InputError, Place, Problem, option_place, raise_errors
from scorefly.run import Run
from scorefly.state.document import NOT_KEPT
from scorefly.state.session import read_state
from scorefly.values import Plain, Secret, redact, reveal


class ProvisionerRow(Struct, frozen=True):
    """One provisioner, in the order in which they are asked.

    `class_` and `id` are None where it takes any; `params` is None where it takes any. `hidden_by` is the uri of an
    earlier one that takes everything this one would, so that it is never asked; else empty.
    """

    uri: str
    type: str
    class_: str | None
    id: str | None
    params: tuple[str, ...] | None
    outputs: tuple[str, ...]
    source: Place
    description: str
    hidden_by: str


def list_provisioners(settings: Settings) -> tuple[ProvisionerRow, ...]:
    """Every provisioner a run would ask, the first match winning."""
    loaded = provisioners_of(settings, check_templates=False)
    raise_errors(loaded.problems)
    specs = [each.spec for each in loaded.provisioners]
    return tuple(
        ProvisionerRow(
            uri=spec.uri,
            type=spec.type,
            class_=spec.class_,
            id=spec.id,
            params=spec.supported_params,
            outputs=spec.expected_outputs,
            source=spec.place,
            description=spec.description,
            hidden_by=next((earlier.uri for earlier in specs[:index] if earlier.covers(spec)), ""),
        )
        for index, spec in enumerate(specs)
    )


class ResourceRow(Struct, frozen=True):
    """One resource of the Score files or of the state.

    `provisioner` is who makes it: for one that no Score file asks for, an orphan, who made it. `provisioned` says
    whether state has it, and `apps` are those it created on Fly.
    """

    uid: str
    provisioner: str
    workloads: tuple[str, ...]
    provisioned: bool
    orphaned: bool = False
    apps: tuple[str, ...] = ()


def list_resources(settings: Settings) -> tuple[ResourceRow, ...]:
    """The resources that Score files ask for and that state remembers, by uid."""
    loaded = load(settings)
    state = read_state(settings)
    elsewhere = not_looked_at(settings, loaded, state)
    orphaned = {resource.uid for resource in orphaned_resources(settings, loaded, state)}
    rows = {
        uid: ResourceRow(uid, each.provisioner, each.workloads, True, uid in orphaned, apps_of(state, each))
        for uid, each in state.resources.items()
    }
    for uid, node in loaded.graph.nodes.items():
        users = users_of(node, state.resources.get(uid), elsewhere)
        apps = rows[uid].apps if uid in rows else ()
        rows[uid] = ResourceRow(uid, loaded.provisioners[uid].spec.uri, users, uid in rows, apps=apps)
    return tuple(rows[uid] for uid in sorted(rows))


def resource_outputs(settings: Settings, uid: str, *, show_secrets: bool) -> Mapping[str, Plain]:
    """The outputs state has of a resource; secret ones are `***` unless they are asked for."""
    outputs = resource_in(read_state(settings), uid).outputs
    shown: dict[str, Plain] = {}
    for name, value in sorted(outputs.items()):
        if value == NOT_KEPT and show_secrets:
            shown[name] = "(not kept in state: made from a secret that every run is given)"
        else:
            shown[name] = reveal(value) if show_secrets else redact(value)
    return shown


def export_secrets(run: Run, app_name: str) -> Mapping[str, Secret]:
    """The secrets an app would be given, by name; without a name those of the only workload's app."""
    apps = {app.name: app for app in compute_desired_apps(run, load(run.settings)).apps}
    if not app_name:
        workloads = [app for app in apps.values() if app.workload]
        if len(workloads) != 1:
            hint = f"say --app with one of: {', '.join(apps)}"
            raise InputError(Problem(f"there are {len(workloads)} workloads", hint, option_place("app")))
        app_name = workloads[0].name
    found = apps.get(app_name) or next((app for app in apps.values() if app.workload == app_name), None)
    if found is None:
        raise InputError(
            Problem(f"no app is called {app_name!r}", f"there are: {', '.join(apps)}", option_place("app"))
        )
    return dict(sorted(found.secrets.items()))


def dotenv(secrets: Mapping[str, Secret]) -> str:
    """The secrets as dotenv lines, quoted so that shells and dotenv readers give back the same characters."""
    return "".join(f"{name}={_quoted(str(secret.value))}\n" for name, secret in secrets.items())


def _quoted(text: str) -> str:
    """Single quotes keep everything but themselves; double quotes, with escapes, the rest."""
    if "'" not in text:
        return f"'{text}'"
    for character in '\\"$`':
        text = text.replace(character, f"\\{character}")
    return f'"{text}"'
