"""The plan of a whole environment: apps in waves, resources, orphans, costs, and a matrix of jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.deployment.costs import managed_costs, upstash_costs
from scorefly.desired.apps import (
    DesiredApps,
)
from scorefly.desired.data_risks import PREFIX
from scorefly.desired.load import Loaded
from scorefly.desired.order import waves
from scorefly.desired.orphans import find_orphans
from scorefly.problems import Problem
from scorefly.report.costs import summarise_costs
from scorefly.report.plan import (
    MatrixJob,
    Plan,
    PlannedApp,
    PlannedResource,
)
from scorefly.state.document import EnvironmentState

MATRIX_LIMIT = 256  # jobs of one matrix that GitHub takes


def environment_plan(
    settings: Settings,
    loaded: Loaded,
    desired: DesiredApps,
    state: EnvironmentState,
    compared: Mapping[str, PlannedApp | Problem],
) -> Plan:
    """Return the plan of an environment. What is orphaned comes last: a deploy leaves it, `cleanup` removes it."""
    changed = [app.name for app in desired.apps if _has_work(compared[app.name])]
    ordered, _ = waves({app.name: app.needs for app in desired.apps})
    kept = [tuple(name for name in wave if name in changed) for wave in ordered]
    kept = [wave for wave in kept if wave]
    number = {name: index for index, wave in enumerate(kept) for name in wave}
    apps = [replace(each, wave=number.get(each.app)) for each in compared.values() if isinstance(each, PlannedApp)]
    orphans = find_orphans(settings, loaded, compared.keys(), state)
    apps += [PlannedApp(app.name, app.owner, "remove", app.workload) for app in orphans.apps]
    resources = [
        PlannedResource(each.uid, each.provisioner, "keep" if each.uid in state.resources else "create", each.workloads)
        for each in desired.resources
    ]
    resources += [
        PlannedResource(each.uid, each.provisioner, "deprovision", each.workloads) for each in orphans.resources
    ]
    return Plan(
        environment=settings.environment,
        org=settings.org,
        apps=tuple(apps),
        resources=tuple(resources),
        waves=tuple(kept),
        matrix=_matrix(settings, loaded, desired, changed),
        problems=tuple(str(each) for each in compared.values() if isinstance(each, Problem)),
        risks=tuple(str(each) for each in desired.problems if each.message.startswith(PREFIX)),
        cost=summarise_costs(
            [
                *((name, each.cost if isinstance(each, PlannedApp) else None) for name, each in compared.items()),
                *managed_costs(settings, loaded, state),
                *upstash_costs(loaded, state),
            ]
        ),
    )


def _has_work(compared: PlannedApp | Problem) -> bool:
    return isinstance(compared, PlannedApp) and compared.action != "keep"


def matrix_problems(planned: Plan) -> list[Problem]:
    """Return a warning where GitHub runs fewer jobs than the matrix has."""
    if len(planned.matrix) <= MATRIX_LIMIT:
        return []
    message = f"the matrix has {len(planned.matrix)} jobs, and GitHub runs {MATRIX_LIMIT} at most"
    hint = "deploy them in one job without a matrix, or plan some of them at a time with score-files"
    return [Problem(message, hint, severity="warning")]


def _matrix(settings: Settings, loaded: Loaded, desired: DesiredApps, changed: Sequence[str]) -> tuple[MatrixJob, ...]:
    """Return a job for each workload whose app, or an app of one of its resources, has to be deployed.

    What several workloads share is deployed with the workload it belongs to, and before the others.
    """
    nodes, apps = loaded.graph.nodes, {app.name: app for app in desired.apps}
    jobs = {apps[name].workload or nodes[apps[name].owner].owner for name in changed}
    app_of = {name: settings.app_name(name) for name in jobs}
    workload_of = {app: name for name, app in app_of.items()}
    needs = {
        name: [workload_of[need] for need in apps[app].needs if need in workload_of] for name, app in app_of.items()
    }
    for node in nodes.values():
        for user in jobs.intersection(node.workloads) - {node.owner}:
            needs[user] += [node.owner] if node.owner in jobs else []
    files = {workload.name: str(workload.file) for workload in loaded.workloads}
    ordered, kept = waves({name: tuple(each) for name, each in needs.items()})
    return tuple(
        MatrixJob(name, app_of[name], files[name], number, kept[name])
        for number, wave in enumerate(ordered)
        for name in wave
    )
