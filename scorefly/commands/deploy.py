"""`deploy`: brings the wanted apps to Fly, in dependency order, several at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from scorefly.deployment.app_deployment import AppDeployment
from scorefly.deployment.certificates import CertificateStep
from scorefly.deployment.connection import SharedFly, connect
from scorefly.deployment.fly_run import connected
from scorefly.deployment.live import app_names, list_machines
from scorefly.deployment.networks import environment_network, unreachable_apps
from scorefly.deployment.newest_commit import commit_order, superseded
from scorefly.deployment.scheduler import DeploymentScheduler, save_the_rest
from scorefly.deployment.shared_servers import databases_of, ensure_databases
from scorefly.deployment.state_guard import refuse_unknown_apps
from scorefly.desired.apps import save_and_write_artefacts
from scorefly.desired.artefacts import shown_folder
from scorefly.desired.load import load
from scorefly.desired.mutable_tags import mutable_tag_notices
from scorefly.desired.resolved_apps import compute_resolved_apps
from scorefly.desired.stand_ins import with_stand_in_variables
from scorefly.problems import Problem
from scorefly.report.report import Report
from scorefly.run import Run


def deploy(run: Run, shared: SharedFly | None = None) -> Report:
    """Generates, then creates or updates every app that is not as wanted; one that fails stops only its users.

    `shared` is what it shares with other deploys of the same sync.
    """
    loaded, missing = load(run.settings), list[Problem]()
    found = commit_order(run.settings, loaded, run.state)
    for problem in found.problems:
        run.progress.problem(problem)
    if report := superseded(run.settings, loaded, run.state, found):
        return report
    for problem in found.notices:
        run.progress.problem(problem)
    if run.settings.untrusted:
        settings, missing = with_stand_in_variables(run.settings, loaded)
        run = replace(run, settings=settings)
    with connect(run.settings, run.keeper, shared) as connection:
        names = app_names(run.settings, loaded, run.state)
        live = list_machines(run.settings, connection.api, names, shared)
        refuse_unknown_apps(run.settings, loaded, run.state, live)
        desired, unresolved = compute_resolved_apps(run, loaded, connection.api, connection.registries, missing)
        save_and_write_artefacts(run, loaded, desired)
        connection.deployer.check()
        if any(app.builds for app in desired.apps):
            connection.builder.check()
        network = environment_network(run.settings, run.state)
        fly_run = connected(run, connection, found, network)
        unreachable = list(unreachable_apps(desired.apps, run.state, network))
        for problem in unreachable:
            run.progress.problem(problem)
        ours = [run.state.resources[each.uid] for each in desired.resources if each.uid in run.state.resources]
        if (databases := databases_of(ours)) and not (run.settings.dry_run or run.settings.untrusted):
            ensure_databases(fly_run, databases)
        for server in sorted({each.server for each in databases}):
            notice = f"databases are on {server}, which all previews share: it is reached at {server}.flycast"
            unreachable.append(Problem(notice, severity="notice"))
            run.progress.problem(unreachable[-1])
        jobs = [AppDeployment(fly_run, app, tuple(live.get(app.name, ()))) for app in desired.apps]
        outcomes = DeploymentScheduler(fly_run, {job.app.name: job for job in jobs}).deploy()
        certified = CertificateStep(run, connection.api).apply(
            desired.apps, outcomes, skip={*found.newer_apps, *found.rolled_back}
        )
    outcomes = list(certified.apps)
    save_the_rest(run.keeper, outcomes)
    unchanged = {each.app for each in outcomes if each.status == "unchanged"} - set(found.newer_apps)
    tags = [*unresolved, *mutable_tag_notices(app for app in desired.apps if app.name in unchanged and not app.pinned)]
    for problem in tags:
        run.progress.problem(problem)
    return Report(
        command=run.settings.command,
        environment=run.settings.environment,
        apps=tuple(outcomes),
        resources=desired.resources,
        problems=(*found.problems, *found.notices, *desired.problems, *unreachable, *_warnings(jobs), *tags),
        findings=certified.findings,
        certificates=certified.certificates,
        artefacts=shown_folder(run.settings, ""),
        rehearsed=run.settings.rehearse,
        dry_run=run.settings.dry_run,
    )


def _warnings(jobs: Sequence[AppDeployment]) -> Iterator[Problem]:
    for job in jobs:
        yield from job.warnings
