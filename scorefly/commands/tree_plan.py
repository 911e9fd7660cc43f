"""`plan` and `validate` over a tree: every unit, without a lock."""

from __future__ import annotations

import json

from msgspec.structs import replace

from scorefly.commands.plan import plan
from scorefly.commands.sync import is_unchanged, unchanged_report
from scorefly.commands.tree_drift import find_unit_drift
from scorefly.commands.tree_run import TreeRun, tree_run
from scorefly.commands.validate import validate
from scorefly.config.settings import Settings
from scorefly.desired.artefacts import write_tree_plan
from scorefly.problems import ExternalError, InputError
from scorefly.project.units import Unit
from scorefly.report.plan import Plan, PlannedApp, tree_plan_json
from scorefly.report.progress import Progress
from scorefly.report.report import Report
from scorefly.report.unit_progress import UnitProgress
from scorefly.run import Run
from scorefly.state.document import new_environment
from scorefly.state.keeper import Keeper


def plan_tree(settings: Settings, progress: Progress) -> Report:
    """Show what a sync would change, by unit. Changes nothing, on Fly or in state."""
    with tree_run(settings, progress) as run:
        report = run.run(lambda unit, unit_progress: _plan(run, unit, unit_progress))
    if run.invalid:
        raise InputError(*dict.fromkeys(run.invalid))
    try:
        data = tree_plan_json({unit.environment: unit.plan for unit in report.units if unit.plan})
        text = progress.redact(json.dumps(data, ensure_ascii=False, indent=2))
        return replace(report, plan_path=write_tree_plan(settings, f"{text}\n").as_posix())
    except ExternalError as error:
        return replace(report, problems=(*report.problems, *error.problems))


def _plan(run: TreeRun, unit: Unit, progress: UnitProgress) -> Report:
    state = run.states.get(unit.name)
    unchanged = state and is_unchanged(run, unit, state, run.trees(unit))
    drifts = unchanged and state and unit.settings.drift and find_unit_drift(unit, state, run.shared)
    if unchanged and state and not drifts:
        kept = tuple(PlannedApp(app.name, app.owner, "keep", app.workload, url=app.url) for app in state.apps.values())
        planned = Plan(unit.name, unit.settings.org, kept, (), (), ())
        return replace(unchanged_report(run, unit, state), plan=planned)
    run.check_out(unit)
    if not unit.settings.score_files:
        return run.report(unit)
    state = state or new_environment(unit.name)
    report = plan(Run(unit.settings, Keeper(None, state), progress), run.shared)
    if report.plan is None:
        return report
    apps = tuple(_with_commits(run, unit, app) for app in report.plan.apps)
    return replace(report, plan=replace(report.plan, apps=apps))


def _with_commits(run: TreeRun, unit: Unit, app: PlannedApp) -> PlannedApp:
    """Add the commit that an app is changed by, where its source moved since it was deployed."""
    state, pin = run.states.get(unit.name), run.pins[unit.name].get(app.workload)
    before = state.sources.get(app.workload) if state else None
    if app.action != "change" or pin is None or before is None or before.commit == pin.commit:
        return app
    reason = f"{pin.source.repository.key} from {before.commit[:7]} to {pin.commit[:7]}"
    return replace(app, reasons=(*app.reasons, reason))


def validate_tree(settings: Settings, progress: Progress) -> Report:
    """Check every unit of the tree, with the Score files of all repositories. Reports all problems at once."""
    with tree_run(settings, progress) as run:
        report = run.run(lambda unit, unit_progress: _validate(run, unit, unit_progress))
    if run.invalid:
        raise InputError(*dict.fromkeys(run.invalid))
    return report


def _validate(run: TreeRun, unit: Unit, progress: UnitProgress) -> Report:
    run.check_out(unit)
    if not unit.settings.score_files:
        return run.report(unit)
    return validate(unit.settings, progress)
