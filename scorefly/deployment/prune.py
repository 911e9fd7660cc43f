"""Destroys the apps of workloads that are no longer in the tree."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from scorefly.deployment.connection import SharedFly, connect
from scorefly.deployment.environment_cleanup import EnvironmentCleanup, volumes_by_app
from scorefly.deployment.live import list_machines
from scorefly.desired.load import Loaded, load
from scorefly.desired.orphans import Orphans
from scorefly.problems import Problem
from scorefly.report.report import Report
from scorefly.resources.graph import ResourceGraph
from scorefly.run import Run


def prune(run: Run, shared: SharedFly, elsewhere: Collection[str]) -> Report:
    """Destroy the apps of workloads that the tree does not declare any longer, with the resources only they used.

    To be called after a deploy, under the lock. At most `prune-limit` percent of the apps are destroyed, none that has
    a volume, and none of `elsewhere`, the apps of other units.
    """
    settings = run.settings
    loaded = load(settings) if settings.score_files else Loaded((), ResourceGraph(), {}, ())
    orphans = _orphans_of_removed_workloads(run, loaded, elsewhere)
    report = Report(
        run.settings.command, run.settings.environment, rehearsed=run.settings.rehearse, dry_run=run.settings.dry_run
    )
    if not orphans.apps and not orphans.resources:
        return report
    total = len(run.state.apps)
    limit = max(1, total * run.settings.prune_limit // 100)
    if len(orphans.apps) > limit:
        names = ", ".join(app.name for app in orphans.apps[:5])
        message = f"{run.settings.environment}: nothing is pruned, because {len(orphans.apps)} of {total} apps would be"
        hint = f"check that {names} should go, and set prune-limit: 100 for one run"
        problem = Problem(f"{message} destroyed, and prune-limit allows {limit}", hint)
        run.progress.problem(problem)
        return replace(report, problems=(problem,))
    with connect(run.settings, run.keeper, shared) as connection:
        live = list_machines(run.settings, connection.api, run.state.apps, shared)
        cleanup = EnvironmentCleanup(run, connection.api, live, {})
        findings, apps = cleanup.remove_orphans(orphans, volumes_by_app(connection.api, run.settings))
    return replace(report, apps=apps, findings=tuple(findings))


def _orphans_of_removed_workloads(run: Run, loaded: Loaded, elsewhere: Collection[str]) -> Orphans:
    state, declared = run.state, run.settings.declared or frozenset()
    gone = {name for name in state.workloads if name not in declared}
    resources = tuple(
        each
        for uid, each in state.resources.items()
        if uid not in loaded.graph.nodes and each.workloads and gone.issuperset(each.workloads)
    )
    owners = gone | {each.uid for each in resources}
    apps = tuple(app for app in state.apps.values() if app.owner in owners and app.name not in elsewhere)
    return Orphans(resources, apps, frozenset(gone))
