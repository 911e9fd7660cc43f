"""`plan`: what `deploy` would do, against what was deployed and what runs. Nothing is changed, on Fly or in state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.deployment.certificates import planned_reports
from scorefly.deployment.comparison import compare_apps
from scorefly.deployment.connection import SharedFly, connect
from scorefly.deployment.environment_plan import environment_plan, matrix_problems
from scorefly.deployment.live import app_names, list_machines
from scorefly.deployment.networks import environment_network, unreachable_apps
from scorefly.deployment.newest_commit import CommitOrder, commit_order, rollback_notice, rolled_back
from scorefly.deployment.state_guard import refuse_unknown_apps, unknown_apps
from scorefly.deployment.token_check import check_token, token_problems
from scorefly.desired.apps import (
    DesiredApps,
    app_report,
    write_artefacts,
)
from scorefly.desired.artefacts import shown_folder, write_plan
from scorefly.desired.load import Loaded, load
from scorefly.desired.mutable_tags import mutable_tag_notices
from scorefly.desired.resolved_apps import compute_resolved_apps
from scorefly.desired.server_versions import newer_release_notices
from scorefly.desired.stand_ins import with_stand_in_variables
from scorefly.fly.app import App
from scorefly.problems import ExternalError, Problem
from scorefly.report.plan import (
    Action,
    Plan,
    PlannedApp,
    plan_json,
)
from scorefly.report.progress import Progress
from scorefly.report.report import AppReport, Report, Status, redacted
from scorefly.run import Run
from scorefly.state.document import EnvironmentState
from scorefly.state.session import read_state

_STATUS: Mapping[Action, Status] = {"create": "created", "change": "deployed", "keep": "unchanged"}


def plan(run: Run, shared: SharedFly | None = None) -> Report:
    """Generates, and compares app by app. `keeper` never saves."""
    state = run.state
    loaded, missing = load(run.settings), list[Problem]()
    if run.settings.untrusted:
        settings, missing = with_stand_in_variables(run.settings, loaded)
        run = replace(run, settings=settings)
    with connect(run.settings, None, shared) as connection:
        token = None if run.settings.rehearse else check_token(run.settings, connection.api)
        tokens = token_problems(run.settings, token) if token else []
        for problem in tokens:
            run.progress.problem(problem)
        live = list_machines(run.settings, connection.api, app_names(run.settings, loaded, state), shared)
        if unknown_apps(run.settings, state, live):
            # Without the lock a deploy may have made them since the state was read.
            refuse_unknown_apps(run.settings, loaded, read_state(run.settings), live)
        desired, unresolved = compute_resolved_apps(run, loaded, connection.api, connection.registries, missing)
        problems = _write_artefacts(run.settings, desired, run.progress)
        order = _order(run.settings, loaded, state)
        compared = compare_apps(run.settings, run.state, connection.api, live, desired.apps, run.progress, order, token)
    planned = environment_plan(run.settings, loaded, desired, state, compared)
    path = ""
    try:
        text = json.dumps(plan_json(redacted(planned, run.progress.redact)), ensure_ascii=False, indent=2)
        path = write_plan(run.settings, f"{text}\n").as_posix()
    except ExternalError as error:
        problems += error.problems
    problems = [*(replace(problem, severity="warning") for problem in problems), *matrix_problems(planned)]
    problems += _rollback_notices(planned, state)
    problems += unreachable_apps(desired.apps, state, environment_network(run.settings, state))
    kept = {each.app for each in planned.apps if each.action == "keep"}
    problems += unresolved
    problems += mutable_tag_notices(app for app in desired.apps if app.name in kept and not app.pinned)
    problems += newer_release_notices(run.state, [each.uid for each in desired.resources])
    for problem in problems:
        run.progress.problem(problem)
    return Report(
        command=run.settings.command,
        environment=run.settings.environment,
        apps=tuple(_app_report(run.settings, app, compared[app.name]) for app in desired.apps),
        resources=desired.resources,
        problems=(*tokens, *desired.problems, *problems),
        artefacts=shown_folder(run.settings, ""),
        rehearsed=run.settings.rehearse,
        dry_run=True,
        plan=planned,
        certificates=tuple(
            certificate
            for app in desired.apps
            if isinstance(planned_app := compared[app.name], PlannedApp)
            for certificate in planned_reports(app, planned_app.certificates)
        ),
        plan_path="" if run.settings.scratch else path,
    )


def _write_artefacts(settings: Settings, desired: DesiredApps, progress: Progress) -> list[Problem]:
    """Write the artefacts to look at. A plan is made without them too, where the workspace cannot be written."""
    try:
        if not settings.dry_run:
            write_artefacts(settings, desired, progress)
    except ExternalError as error:
        return list(error.problems)
    return []


def _order(settings: Settings, loaded: Loaded, state: EnvironmentState) -> CommitOrder:
    """Compare this run's commit with those that were rolled back; where none was, git is not asked."""
    if any(app.rollback for app in state.apps.values()):
        return commit_order(settings, loaded, state)
    return CommitOrder()


def _rollback_notices(planned: Plan, state: EnvironmentState) -> Iterator[Problem]:
    for each in planned.apps:
        app = state.apps.get(each.app)
        if each.action == "keep" and app and app.rollback and rolled_back(app.rollback) in each.reasons:
            yield rollback_notice(each.app, app.rollback)


def _app_report(settings: Settings, app: App, compared: PlannedApp | Problem) -> AppReport:
    report = app_report(settings, app)
    if isinstance(compared, Problem):
        return replace(report, status="failed", problem=compared, url="")
    return replace(
        report,
        status=_STATUS[compared.action],
        url=compared.url,
        secrets_set=compared.secrets_set,
        secrets_removed=compared.secrets_removed,
    )
