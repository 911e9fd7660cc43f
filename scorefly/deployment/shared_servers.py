"""The servers that all previews share, in the environment `previews`, and each preview's databases on them.

A preview's resource keeps the name, the user and the password of its database. The server's own state knows the app,
and the address by which each preview's network reaches it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from scorefly import interruption, safe_files
from scorefly.config.settings import Settings
from scorefly.convert.resource_app import convert_resource_app
from scorefly.deployment.app_deployment import AppDeployment
from scorefly.deployment.connection import Connection
from scorefly.deployment.fly_run import FlyRun, connected
from scorefly.deployment.machine_counts import app_machines
from scorefly.deployment.ownership import not_ours
from scorefly.desired.apps import app_report
from scorefly.desired.artefacts import write_artefact
from scorefly.desired.shared_servers import ENVIRONMENT, URI, base_suffix
from scorefly.fly.api import FlyApi
from scorefly.fly.app import App
from scorefly.fly.exec import exec_in_machine
from scorefly.problems import ExternalError, InputError, Place, external_error, input_error, option_place
from scorefly.report.progress import Progress
from scorefly.report.report import AppReport
from scorefly.resources.files import built_in_provisioners
from scorefly.resources.template import TemplateProvisioner
from scorefly.run import Run, open_run
from scorefly.state.document import EnvironmentState, ResourceState
from scorefly.state.keeper import Keeper
from scorefly.state.session import open_state, read_state
from scorefly.values import Tree, reveal_text, to_text

VERSION = "17.11"
SIZE_GB = 10
PORT = 5432
ATTEMPTS = 5  # of a command in a server that has just started
_SERVER = "template://scorefly/postgres-instance"
_VERSION = "postgres_version"  # in the shared state
_ADDRESSES = "addresses"  # in the shared state: by network, the server's address there
_WORD = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_CREATION = """\
SELECT 'CREATE ROLE "NAME" LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'NAME') \\gexec
ALTER ROLE "NAME" LOGIN PASSWORD 'SECRET';
SELECT 'CREATE DATABASE "NAME" OWNER "NAME"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'NAME') \\gexec
REVOKE ALL ON DATABASE "NAME" FROM PUBLIC;
"""
_REMOVAL = """\
DROP DATABASE IF EXISTS "NAME" WITH (FORCE);
DROP ROLE IF EXISTS "NAME";
"""
_PSQL = ("sh", "-c", "gosu postgres psql -v ON_ERROR_STOP=1 -q -d postgres")


class Database(Struct, frozen=True):
    """A database on a shared server; its user has the same name."""

    server: str
    name: str
    password: str


def databases_of(resources: Collection[ResourceState]) -> list[Database]:
    """Return the databases of the resources that are on a shared server."""
    return [_database(each) for each in resources if each.provisioner == URI]


def _database(resource: ResourceState) -> Database:
    parts = (reveal_text(to_text(resource.state[key])) for key in ("server", "name", "password"))
    return Database(*parts)


def ensure_databases(run: FlyRun, databases: Sequence[Database]) -> None:
    """Deploy the server where it is missing or outdated, let the network reach it, and create what is missing on it.

    Everything is safe to repeat: a run that was interrupted is simply started again. Raises ExternalError.
    """
    own = _settings(run.settings)
    _check_state(run.settings)
    for name in sorted({each.server for each in databases}):
        with open_run(own, run.progress) as opened:
            server_run = replace(connected(opened, run.connection), stop=run.stop)
            _deploy(server_run, name)
            _let_in(server_run, name, run.network)
            for database in databases:
                if database.server == name:
                    run.progress.step(f"{name}: database {database.name}")
                    _run_sql(run.api, name, creation_sql(database), [database.password])


def drop_database(
    settings: Settings, progress: Progress, api: FlyApi, resource: ResourceState, network: str, *, last: bool
) -> None:
    """Drop a database with its user; with the `last` one of an environment its network's address of the server goes.

    One that is gone is fine, and so is a server that is gone. Raises ExternalError.
    """
    database = _database(resource)
    own = _settings(settings)
    with open_state(own, progress) as keeper:
        if api.find_machines(database.server):
            progress.step(f"{database.server}: dropping database {database.name}")
            _run_sql(api, database.server, removal_sql(database), [])
        addresses = _addresses(keeper.state, database.server)
        if last and network in addresses:
            if addresses[network]:
                api.release_address(database.server, addresses[network])
            _record(keeper, database.server, {name: ip for name, ip in addresses.items() if name != network})


def server_app(name: str, region: str, version: str) -> App:
    """Return the server: the built-in Postgres without databases of its own, reached through Flycast."""
    templates = {each.spec.uri: each for each in built_in_provisioners() if isinstance(each, TemplateProvisioner)}
    apps = templates[_SERVER].parts["apps"]
    made = apps["postgres"] if isinstance(apps, dict) else None
    config: dict[str, Any] = dict(made.items()) if isinstance(made, dict) else {}
    config |= {
        "build": {"image": f"postgres:{version}-bookworm"},
        "secrets": {},
        "mounts": [{"source": "data", "destination": "/data", "initial_size": f"{SIZE_GB}gb"}],
        "services": [
            {"protocol": "tcp", "internal_port": PORT, "auto_stop_machines": "off", "ports": [{"port": PORT}]}
        ],
        "vm": [{"memory": "1gb"}],
    }
    app, problems = convert_resource_app(name, f"previews#{name}", config, region, Place("previews"))
    if app is None:
        raise InputError(*problems)
    return replace(app, addresses=("private_v6",))


def _check_state(settings: Settings) -> None:
    """Refuse a state that is one file: the servers have a state of their own beside those of the previews."""
    if not settings.state.startswith("file:"):
        return
    path = settings.workspace / Path(settings.state.removeprefix("file:")).expanduser()
    if not safe_files.is_folder(settings.workspace, path):
        message = "a server that all previews share needs a state of its own, and state is one file"
        raise input_error(message, "give state an existing folder, or git", option_place("state"))


def _settings(settings: Settings) -> Settings:
    """The settings of the environment that the servers are in."""
    return replace(settings, environment=ENVIRONMENT, app_suffix=base_suffix(settings), force=False, ha=False)


def server_of(resource: ResourceState) -> str:
    """Return the app of the server that a resource's database is on."""
    return _database(resource).server


def previews_version(settings: Settings) -> str:
    """Return the version of the server that all previews share."""
    return str(read_state(_settings(settings)).shared.get(_VERSION) or VERSION)


def upgrade_server(run: Run, connection: Connection, name: str, version: str, prepare: Callable[[], None]) -> AppReport:
    """Move the server to another version, once `prepare` has saved its data. Raises ExternalError."""
    own = _settings(run.settings)
    _check_state(run.settings)
    with open_run(own, run.progress) as server_run:
        machines = connection.api.find_machines(name) or ()
        if problem := not_ours(own, connection.api, name, machines, server_run.state):
            raise InputError(problem)
        app = server_app(name, own.region, version)
        if own.dry_run:
            return replace(app_report(own, app), status="deployed")
        prepare()
        server_run.keeper.change(lambda state: replace(state, shared={**state.shared, _VERSION: version}))
        server_run.keeper.save()
        return _deploy(connected(server_run, connection), name)


def _deploy(run: FlyRun, name: str) -> AppReport:
    version = str(run.state.shared.get(_VERSION) or VERSION)
    run.keeper.change(lambda state: replace(state, shared={**state.shared, _VERSION: version}))
    app = server_app(name, run.settings.region, version)
    machines = run.api.find_machines(name) or ()
    run.keeper.save()
    write_artefact(run.settings, app)
    job = AppDeployment(run, app, machines)
    report = job.prepare()
    if report is None:
        job.replace_machines()
        report = job.record_result()
    run.keeper.save()
    return report


def _let_in(run: FlyRun, name: str, network: str) -> None:
    """Give the server an address in a network. One whose allocation was not answered is found again."""
    known = _addresses(run.state, name)
    if not network or known.get(network):
        return
    present = [each.ip for each in run.api.addresses(name) if each.kind == "private_v6"]
    if network in known:
        unknown = [ip for ip in present if ip not in (*known.values(), *run.state.apps[name].addresses)]
        if unknown:
            _record(run.keeper, name, {**known, network: unknown[0]})
            return
    _record(run.keeper, name, {**known, network: ""})
    ip = run.api.allocate_address(name, "private_v6", run.settings.org, network)
    _record(run.keeper, name, {**known, network: ip})


def _addresses(state: EnvironmentState, name: str) -> dict[str, str]:
    tree = state.shared.get(_ADDRESSES)
    found = tree.get(name) if isinstance(tree, dict) else None
    return {network: str(ip) for network, ip in found.items()} if isinstance(found, dict) else {}


def _record(keeper: Keeper, name: str, addresses: dict[str, str]) -> None:
    def changed(state: EnvironmentState) -> EnvironmentState:
        tree = state.shared.get(_ADDRESSES)
        others: dict[str, Tree] = dict(tree) if isinstance(tree, dict) else {}
        return replace(state, shared={**state.shared, _ADDRESSES: {**others, name: dict(addresses)}})

    keeper.record(changed)


def _run_sql(api: FlyApi, name: str, sql: str, hidden: list[str]) -> None:
    machines = app_machines(api.machines(name))
    if not machines:
        raise external_error(f"{name} has no Machine", f"destroy the app {name}, and deploy again")
    machine = machines[0]
    if machine.state in ("stopped", "suspended"):
        api.start_machine(name, machine.id)
        api.wait_machine(name, machine.id, "started", 60)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            exec_in_machine(api, name, machine.id, _PSQL, sql, hidden)
        except ExternalError:
            if attempt == ATTEMPTS:
                raise
            interruption.sleep(2.0)
        else:
            return


def creation_sql(database: Database) -> str:
    """Return SQL that creates what is missing. Raises ExternalError for a name or password that needs quoting."""
    if not (_WORD.fullmatch(database.name) and _WORD.fullmatch(database.password)):
        raise external_error(f"state has an invalid name or password of a database on {database.server}")
    return _CREATION.replace("NAME", database.name).replace("SECRET", database.password)


def removal_sql(database: Database) -> str:
    """Return SQL that drops a database and its user, where they are there."""
    if not _WORD.fullmatch(database.name):
        raise external_error(f"state has an invalid name of a database on {database.server}")
    return _REMOVAL.replace("NAME", database.name)
