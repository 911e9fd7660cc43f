"""`plan`: what `deploy` would do, against what was deployed and what runs. Nothing is changed, on Fly or in state."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct
from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.deployment.certificates import custom_url, plan_certificates, planned_reports
from scorefly.deployment.connection import SharedFly, connect
from scorefly.deployment.costs import app_cost, managed_costs
from scorefly.deployment.drift import changes_from_running, drift
from scorefly.deployment.inspection import AppInspection, VolumeChanges, inspect_app, missing_addresses, moved_tag
from scorefly.deployment.live import app_names, list_machines
from scorefly.deployment.machine_counts import Census, app_machines, compare_regions
from scorefly.deployment.networks import environment_network, unreachable_apps
from scorefly.deployment.newest_commit import CommitOrder, commit_order, rollback_notice, rolled_back
from scorefly.deployment.releases import artefact_key
from scorefly.deployment.scaling_checks import ScalingVolumes, check_scaling, removal_warnings, scaling_reasons
from scorefly.deployment.state_guard import refuse_unknown_apps, unknown_apps
from scorefly.deployment.token_check import TokenCheck, check_token, refuse_creation, token_problems
from scorefly.deployment.volumes import misplaced_machines, plan_volumes, volume_warnings
from scorefly.desired.apps import (
    DesiredApps,
    app_report,
    write_artefacts,
)
from scorefly.desired.artefacts import artefact_texts, file_digests, shown_folder, write_plan
from scorefly.desired.build_context import changed_files
from scorefly.desired.data_risks import PREFIX
from scorefly.desired.load import Loaded, load
from scorefly.desired.mutable_tags import mutable_tag_notices
from scorefly.desired.order import waves
from scorefly.desired.orphans import find_orphans
from scorefly.desired.resolved_apps import compute_resolved_apps
from scorefly.desired.server_versions import newer_release_notices
from scorefly.desired.stand_ins import with_stand_in_variables
from scorefly.fly.api import FlyApi
from scorefly.fly.api.machines import MachineView
from scorefly.fly.app import App, Build
from scorefly.problems import ExternalError, Problem
from scorefly.report.certificates import PlannedCertificate
from scorefly.report.costs import summarise_costs
from scorefly.report.plan import (
    Action,
    Drift,
    FileDiff,
    MatrixJob,
    Plan,
    PlannedApp,
    PlannedMachines,
    PlannedResource,
    PlannedVolume,
    plan_json,
)
from scorefly.report.progress import Progress
from scorefly.report.report import AppReport, Report, Status, redacted
from scorefly.run import Run
from scorefly.state.document import AppState, EnvironmentState
from scorefly.state.session import read_state
from scorefly.state.snapshot import Record, unpack

MATRIX_LIMIT = 256  # jobs of one matrix that GitHub takes
LOOKS = 8  # apps looked at at a time

_STATUS: Mapping[Action, Status] = {"create": "created", "change": "deployed", "keep": "unchanged"}


def plan(run: Run, shared: SharedFly | None = None) -> Report:
    """Generates, and compares app by app. `keeper` never saves."""
    known = run.state
    loaded, missing = load(run.settings), list[Problem]()
    if run.settings.untrusted:
        settings, missing = with_stand_in_variables(run.settings, loaded)
        run = replace(run, settings=settings)
    with connect(run.settings, None, shared) as connection:
        token = None if run.settings.rehearse else check_token(run.settings, connection.api)
        tokens = token_problems(run.settings, token) if token else []
        for problem in tokens:
            run.progress.problem(problem)
        live = list_machines(run.settings, connection.api, app_names(run.settings, loaded, known), shared)
        if unknown_apps(run.settings, known, live):
            # Without the lock a deploy may have made them since the state was read.
            refuse_unknown_apps(run.settings, loaded, read_state(run.settings), live)
        wanted, unresolved = compute_resolved_apps(run, loaded, connection.api, connection.registries, missing)
        problems = _write_artefacts(run.settings, wanted, run.progress)
        order = _order(run.settings, loaded, known)
        looked = _look_at_all(run.settings, run.state, connection.api, live, wanted.apps, run.progress, order, token)
    planned = _plan(run.settings, loaded, wanted, known, looked)
    path = ""
    try:
        text = json.dumps(plan_json(redacted(planned, run.progress.redact)), ensure_ascii=False, indent=2)
        path = write_plan(run.settings, f"{text}\n").as_posix()
    except ExternalError as error:
        problems += error.problems
    problems = [*(replace(problem, severity="warning") for problem in problems), *_too_large_for_a_matrix(planned)]
    problems += _rollback_notices(planned, known)
    problems += unreachable_apps(wanted.apps, known, environment_network(run.settings, known))
    kept = {each.app for each in planned.apps if each.action == "keep"}
    problems += unresolved
    problems += mutable_tag_notices(app for app in wanted.apps if app.name in kept and not app.pinned)
    problems += newer_release_notices(run.state, [each.uid for each in wanted.resources])
    for problem in problems:
        run.progress.problem(problem)
    return Report(
        command=run.settings.command,
        environment=run.settings.environment,
        apps=tuple(_report(run.settings, app, looked[app.name]) for app in wanted.apps),
        resources=wanted.resources,
        problems=(*tokens, *wanted.problems, *problems),
        artefacts=shown_folder(run.settings, ""),
        rehearsed=run.settings.rehearse,
        dry_run=True,
        plan=planned,
        certificates=tuple(
            certificate
            for app in wanted.apps
            if isinstance(planned_app := looked[app.name], PlannedApp)
            for certificate in planned_reports(app, planned_app.certificates)
        ),
        plan_path="" if run.settings.scratch else path,
    )


def _write_artefacts(settings: Settings, wanted: DesiredApps, progress: Progress) -> list[Problem]:
    """Write the artefacts to look at. A plan is made without them too, where the workspace cannot be written."""
    try:
        if not settings.dry_run:
            write_artefacts(settings, wanted, progress)
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


def _nearest_region(api: FlyApi, live: Mapping[str, Sequence[MachineView]], apps: Sequence[App]) -> str:
    """Return where new apps without a region would be created, for the estimate of costs; empty where it is unknown."""
    try:
        return api.regions().nearest if any(not app.region and app.name not in live for app in apps) else ""
    except ExternalError:
        return ""


def _look_at_all(
    settings: Settings,
    state: EnvironmentState,
    api: FlyApi,
    live: Mapping[str, Sequence[MachineView]],
    apps: Sequence[App],
    progress: Progress,
    order: CommitOrder,
    token: TokenCheck | None,
) -> dict[str, PlannedApp | Problem]:
    """Each app as it would be deployed, or why it could not be."""
    nearest = _nearest_region(api, live, apps)

    def one(app: App) -> PlannedApp | Problem:
        try:
            return _Comparison(settings, state, api, app, live.get(app.name, ()), order, token, nearest).planned()
        except ExternalError as error:
            progress.problem(error.problems[0])
            return error.problems[0]

    with ThreadPoolExecutor(LOOKS, thread_name_prefix="plan") as pool:
        return dict(zip((app.name for app in apps), pool.map(one, apps), strict=True))


class _Comparison(Struct, frozen=True):
    """One app: as desired, as it was last deployed, and as it runs."""

    settings: Settings
    state: EnvironmentState
    api: FlyApi
    app: App
    listed: Sequence[MachineView]
    order: CommitOrder
    token: TokenCheck | None
    nearest: str = ""  # where Machines without a region would be created

    def planned(self) -> PlannedApp:
        app, settings = self.app, self.settings
        # A plan compares configurations, which a listing does not have: the app's own Machines are asked for.
        inspection = inspect_app(settings, self.state, self.api, app, self.listed, trusted=False)
        if self.token and not inspection.exists:
            refuse_creation(settings, self.token, app.name)
        known = self.state.apps.get(app.name)
        record = unpack(known.record) if known and inspection.exists else None
        diffs = _diffs(record, app)
        certificates = self._certificates(known, exists=inspection.exists)
        recertified = any(each.action != "keep" for each in certificates)
        up_to_date = inspection.up_to_date and not recertified
        action: Action = "keep" if up_to_date else "change" if inspection.exists else "create"
        report = app_report(settings, app)
        if rollback := self.order.keeps(known, lambda: artefact_key(app, inspection.built), force=settings.force):
            return PlannedApp(
                app=app.name,
                owner=app.owner,
                workload=app.workload,
                action="keep",
                reasons=(rolled_back(rollback),),
                needs=app.needs,
                drift=drift(record, inspection.machines),
            )
        shown = PlannedApp(
            app=app.name,
            owner=app.owner,
            workload=app.workload,
            action=action,
            reasons=self._all_reasons(inspection, record, diffs, recertified=recertified) if action == "change" else (),
            needs=app.needs,
            image=report.image,
            size=report.size,
            region=app.region,
            url=app.url and (custom_url(planned_reports(app, certificates)) or app.url),
            artefact=report.artefact,
            secrets_set=inspection.secrets.to_set,
            secrets_removed=inspection.secrets.to_remove,
            diffs=diffs,
            drift=(*drift(record, inspection.machines), *self._drift(inspection)) if inspection.machines else (),
            certificates=tuple(certificates),
            cost=app_cost(
                app,
                settings.ha,
                inspection.machines,
                unchanged=inspection.up_to_date,
                exists=inspection.exists,
                nearest=self.nearest,
            ),
            network="" if inspection.exists else environment_network(settings, self.state),
        )
        if missing := tuple(each.host for each in certificates if each.status == "missing"):
            shown = replace(shown, drift=(*shown.drift, Drift("certificates", missing, ())))
        if inspection.up_to_date:
            return shown
        scaling = check_scaling(settings, self.api, app, inspection)
        shown = replace(
            shown,
            machines=tuple(PlannedMachines(*each) for each in compare_regions(app, inspection.machines)),
            volumes=_scaled_volumes(scaling),
            data_risks=tuple(map(str, removal_warnings(app, scaling.remove))),
        )
        if inspection.repair_only:
            return shown
        changes = plan_volumes(self.api, app, inspection.machines, exists=inspection.exists)
        return replace(
            shown,
            volumes=(*_planned_volumes(changes), *shown.volumes),
            addresses=self._addresses(inspection),
            data_risks=(*(str(each) for each in volume_warnings(app, changes)), *shown.data_risks),
        )

    def _certificates(self, known: AppState | None, *, exists: bool) -> list[PlannedCertificate]:
        if self.settings.certificates == "never":
            return []
        return plan_certificates(self.api, self.app, known, exists=exists)

    def _all_reasons(
        self, inspection: AppInspection, record: Record | None, diffs: tuple[FileDiff, ...], *, recertified: bool
    ) -> tuple[str, ...]:
        reasons = () if inspection.up_to_date else self._reasons(inspection, record, diffs)
        return (*reasons, *(["certificates"] if recertified else []))

    def _reasons(
        self, inspection: AppInspection, record: Record | None, diffs: tuple[FileDiff, ...]
    ) -> tuple[str, ...]:
        reasons = [each.file for each in diffs]
        if record and not record.texts:  # taken over: what runs was not deployed from these files
            reasons += changes_from_running(self.app, inspection.machines)
        before, after = record.files if record else {}, file_digests(self.app)
        reasons += sorted(
            f"files/{name}" for name in {*before, *after} if record and before.get(name) != after.get(name)
        )
        if changed := changed_files(record.built, inspection.built) if record else "":
            reasons.append(f"built from {changed}")
        if digest := moved_tag(record, self.app):
            reasons.append(f"{self.app.image} is {digest[:19]} now")
        reasons += ["secrets"] if inspection.secrets.to_set else []
        reasons += [f"secret {name} is no longer used" for name in self._secrets_gone(record)]
        if moved := misplaced_machines(self.app, inspection.machines):
            reasons.append(f"moves from {', '.join(sorted({each.region for each in moved}))} to {self.app.region}")
        if inspection.machines:
            reasons += scaling_reasons(self.app, inspection)
        if not inspection.machines:
            reasons.append("no Machine runs")
        elif not inspection.census.complete:
            reasons += _shortcomings(inspection.census)
        elif not reasons and self.settings.force:
            reasons.append("force")
        elif not reasons and isinstance(self.app.image, Build):
            reasons.append("what the image is built from, or its build arguments")
        elif not reasons:
            reasons.append("its Machines are not those of the last good deploy")
        return tuple(reasons)

    def _secrets_gone(self, record: Record | None) -> list[str]:
        """The secrets that the last deploy used and this one does not."""
        known = self.state.apps.get(self.app.name)
        before = record.secrets if record and record.secrets is not None else known.secrets if known else ()
        return sorted(set(before) - set(self.app.secrets))

    def _drift(self, inspection: AppInspection) -> Iterator[Drift]:
        """Yield what is no longer there of what a deploy gave the app, beside its Machines' configuration."""
        app, down = self.app, inspection.census.stopped
        if down:
            count = len(app_machines(inspection.machines))
            yield Drift("running", (f"{count} of {count}",), (f"{count - len(down)} of {count}",))
        if app.addresses:
            present = self.api.addresses(app.name)
            if missing_addresses(app, present):
                yield Drift("addresses", app.addresses, tuple(each.kind for each in present))
        if app.volumes:
            names = [each.name for each in self.api.volumes(app.name)]
            claims = tuple(claim.name for claim in app.volumes)
            if not set(claims) <= set(names):
                yield Drift("volumes", claims, tuple(names))

    def _addresses(self, inspection: AppInspection) -> tuple[str, ...]:
        if not self.app.addresses:
            return ()
        return missing_addresses(self.app, self.api.addresses(self.app.name) if inspection.exists else ())


def _shortcomings(census: Census) -> Iterator[str]:
    """Return why an app's Machines are not as desired, though all of them have the desired configuration."""
    for count, what in (
        (len(census.missing), "missing"),
        (len(census.missing_standbys), "missing as standby"),
        (len(census.stopped), "not running"),
        (len(census.surplus), "left over from another run"),
    ):
        if count:
            yield f"{count} {'Machine' if count == 1 else 'Machines'} {what}"


def _planned_volumes(changes: VolumeChanges) -> tuple[PlannedVolume, ...]:
    extended = [PlannedVolume("extend", each.name, size_gb, each.region) for each, size_gb in changes.extend]
    updated = [PlannedVolume("update", each.name, each.size_gb, each.region) for each, _ in changes.update]
    created = [PlannedVolume("create", claim.name, claim.size_gb, region) for claim, region in changes.create]
    detached = [PlannedVolume("detach", each.name, each.size_gb, each.region) for each in changes.detach]
    return (*extended, *updated, *created, *detached)


def _scaled_volumes(changes: ScalingVolumes) -> tuple[PlannedVolume, ...]:
    created = [PlannedVolume("create", claim.name, claim.size_gb, region) for claim, region in changes.create]
    removed = [PlannedVolume("remove", each.name, each.size_gb, each.region) for each in changes.remove]
    return (*created, *removed)


def _diffs(record: Record | None, app: App) -> tuple[FileDiff, ...]:
    before, after = record.texts if record else {}, artefact_texts(app)
    found = []
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            old, new = before.get(name, ""), after.get(name, "")
            lines = difflib.unified_diff(
                old.splitlines(),
                new.splitlines(),
                f"a/{name}" if old else "/dev/null",
                f"b/{name}" if new else "/dev/null",
                lineterm="",
            )
            found.append(FileDiff(name, "\n".join(lines) + "\n"))
    return tuple(found)


def _plan(
    settings: Settings,
    loaded: Loaded,
    wanted: DesiredApps,
    known: EnvironmentState,
    looked: Mapping[str, PlannedApp | Problem],
) -> Plan:
    """All of it in order. What is orphaned comes last: a deploy leaves it, `cleanup` removes it."""
    to_do = [app.name for app in wanted.apps if _has_work(looked[app.name])]
    ordered, _ = waves({app.name: app.needs for app in wanted.apps})
    kept = [tuple(name for name in wave if name in to_do) for wave in ordered]
    kept = [wave for wave in kept if wave]
    number = {name: index for index, wave in enumerate(kept) for name in wave}
    apps = [replace(each, wave=number.get(each.app)) for each in looked.values() if isinstance(each, PlannedApp)]
    orphans = find_orphans(settings, loaded, looked.keys(), known)
    apps += [PlannedApp(app.name, app.owner, "remove", app.workload) for app in orphans.apps]
    resources = [
        PlannedResource(each.uid, each.provisioner, "keep" if each.uid in known.resources else "create", each.workloads)
        for each in wanted.resources
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
        matrix=_matrix(settings, loaded, wanted, to_do),
        problems=tuple(str(each) for each in looked.values() if isinstance(each, Problem)),
        risks=tuple(str(each) for each in wanted.problems if each.message.startswith(PREFIX)),
        cost=summarise_costs(
            [
                *((name, each.cost if isinstance(each, PlannedApp) else None) for name, each in looked.items()),
                *managed_costs(settings, loaded, known),
            ]
        ),
    )


def _has_work(looked: PlannedApp | Problem) -> bool:
    return isinstance(looked, PlannedApp) and looked.action != "keep"


def _too_large_for_a_matrix(planned: Plan) -> list[Problem]:
    if len(planned.matrix) <= MATRIX_LIMIT:
        return []
    message = f"the matrix has {len(planned.matrix)} jobs, and GitHub runs {MATRIX_LIMIT} at most"
    hint = "deploy them in one job without a matrix, or plan some of them at a time with score-files"
    return [Problem(message, hint, severity="warning")]


def _matrix(settings: Settings, loaded: Loaded, wanted: DesiredApps, to_do: Sequence[str]) -> tuple[MatrixJob, ...]:
    """A job for each workload whose app, or an app that one of its resources brings, has to be deployed.

    What several workloads share is deployed with the workload it belongs to, and before the others.
    """
    nodes, apps = loaded.graph.nodes, {app.name: app for app in wanted.apps}
    jobs = {apps[name].workload or nodes[apps[name].owner].owner for name in to_do}
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


def _report(settings: Settings, app: App, looked: PlannedApp | Problem) -> AppReport:
    report = app_report(settings, app)
    if isinstance(looked, Problem):
        return replace(report, status="failed", problem=looked, url="")
    return replace(
        report,
        status=_STATUS[looked.action],
        url=looked.url,
        secrets_set=looked.secrets_set,
        secrets_removed=looked.secrets_removed,
    )
