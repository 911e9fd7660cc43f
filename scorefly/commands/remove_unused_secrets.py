"""`remove-unused-secrets`: takes secrets off Fly that no Score file wants any longer."""

from __future__ import annotations

from dataclasses import replace

from scorefly.config.settings import Settings
from scorefly.deployment.connection import connect
from scorefly.deployment.live import app_names, list_machines
from scorefly.deployment.ownership import not_ours
from scorefly.deployment.secrets import plan_secrets, remove_secrets
from scorefly.deployment.state_guard import refuse_unknown_apps
from scorefly.desired.apps import app_report, compute_desired_apps
from scorefly.desired.load import load
from scorefly.report.progress import Progress
from scorefly.report.report import AppReport, Report
from scorefly.state.keeper import Keeper


def remove_unused_secrets(settings: Settings, keeper: Keeper, progress: Progress) -> Report:
    """Looks at every app of the Score files that are given, and removes by `unused-secrets` and `keep-secrets`."""
    loaded = load(settings)
    reports: list[AppReport] = []
    with connect(settings, keeper) as connection:
        machines_of = list_machines(settings, connection.api, app_names(settings, loaded, keeper.state))
        refuse_unknown_apps(settings, loaded, keeper.state, machines_of)
        wanted = compute_desired_apps(settings, loaded, keeper, progress)
        for app in wanted.apps:
            machines, known = machines_of.get(app.name, ()), keeper.state.apps.get(app.name)
            if not machines and connection.api.app(app.name) is None:
                continue
            if problem := not_ours(settings, connection.api, app.name, machines, keeper.state):
                progress.problem(problem)
                reports.append(replace(app_report(settings, app), status="failed", problem=problem, url=""))
                continue
            live = {secret.name: secret.digest for secret in connection.api.secrets(app.name)}
            plan = plan_secrets(
                dict.fromkeys(app.secrets, ""),
                known.secrets if known else {},
                live,
                unused=settings.unused_secrets,
                keep=settings.keep_secrets,
            )
            if plan.to_remove and not settings.dry_run:
                remove_secrets(connection.api, keeper, app.name, plan.to_remove)
            report = app_report(settings, app)
            reports.append(replace(report, status="unchanged", secrets_removed=plan.to_remove))
            progress.step(f"{app.name}: {len(plan.to_remove)} unused")
    return Report(
        command=settings.command,
        environment=settings.environment,
        apps=tuple(reports),
        problems=wanted.problems,
        rehearsed=settings.rehearse,
        dry_run=settings.dry_run,
    )
