"""Compares apps as desired, as they were last deployed, and as they run: what a deploy would do."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct
from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.deployment.certificates import custom_url, plan_certificates, planned_reports
from scorefly.deployment.costs import app_cost
from scorefly.deployment.drift import changes_from_running, drift, drift_from_git
from scorefly.deployment.inspection import AppInspection, VolumeChanges, inspect_app, moved_tags
from scorefly.deployment.machine_counts import Census, app_machines, compare_regions
from scorefly.deployment.networks import environment_network
from scorefly.deployment.newest_commit import CommitOrder, rolled_back
from scorefly.deployment.releases import artefact_key
from scorefly.deployment.scaling_checks import ScalingVolumes, check_scaling, removal_warnings, scaling_reasons
from scorefly.deployment.token_check import TokenCheck, refuse_creation
from scorefly.deployment.volumes import misplaced_machines, plan_volumes, volume_warnings
from scorefly.desired.apps import (
    app_report,
)
from scorefly.desired.artefacts import artefact_texts, file_digests
from scorefly.desired.build_context import changed_files
from scorefly.fly.addresses import missing_addresses
from scorefly.fly.api import FlyApi
from scorefly.fly.api.machines import MachineView
from scorefly.fly.app import App
from scorefly.problems import ExternalError, Problem
from scorefly.report.certificates import PlannedCertificate
from scorefly.report.plan import (
    Action,
    Drift,
    FileDiff,
    PlannedApp,
    PlannedMachines,
    PlannedVolume,
)
from scorefly.report.progress import Progress
from scorefly.state.document import AppState, EnvironmentState
from scorefly.state.snapshot import Record, unpack

PARALLEL = 8  # apps compared at a time


def compare_apps(
    settings: Settings,
    state: EnvironmentState,
    api: FlyApi,
    live: Mapping[str, Sequence[MachineView]],
    apps: Sequence[App],
    progress: Progress,
    order: CommitOrder,
    token: TokenCheck | None,
) -> dict[str, PlannedApp | Problem]:
    """Return what a deploy would do with each app, or why it could not."""
    nearest = _nearest_region(api, live, apps)

    def compare(app: App) -> PlannedApp | Problem:
        try:
            return AppComparison(settings, state, api, app, live.get(app.name, ()), order, token, nearest).planned()
        except ExternalError as error:
            progress.problem(error.problems[0])
            return error.problems[0]

    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="plan") as pool:
        return dict(zip((app.name for app in apps), pool.map(compare, apps), strict=True))


def _nearest_region(api: FlyApi, live: Mapping[str, Sequence[MachineView]], apps: Sequence[App]) -> str:
    """Return where new apps without a region would be created, for the estimate of costs; empty where it is unknown."""
    try:
        return api.regions().nearest if any(not app.region and app.name not in live for app in apps) else ""
    except ExternalError:
        return ""


class AppComparison(Struct, frozen=True):
    """Compares one app as desired, as it was last deployed, and as it runs."""

    settings: Settings
    state: EnvironmentState
    api: FlyApi
    app: App
    listed: Sequence[MachineView]
    order: CommitOrder
    token: TokenCheck | None
    nearest: str = ""  # where Machines without a region would be created

    def planned(self) -> PlannedApp:
        """Return what a deploy would do with the app. Raises ExternalError."""
        app, settings = self.app, self.settings
        # A plan compares configurations, which a listing does not have: the app's own Machines are asked for.
        inspection = inspect_app(settings, self.state, self.api, app, self.listed, trusted=False)
        if self.token and not inspection.exists:
            refuse_creation(settings, self.token, app.name)
        known = self.state.apps.get(app.name)
        record = unpack(known.record) if known and inspection.exists else None
        diffs = _artefact_diffs(record, app)
        certificates = self._certificates(known, exists=inspection.exists)
        recertified = any(each.action != "keep" for each in certificates)
        heals = inspection.up_to_date and settings.drift == "heal" and settings.declared is not None
        healing = drift_from_git(known, inspection.machines) if known and heals else ()
        lacking = self._addresses(inspection) if settings.config(app.workload).addresses is not None else ()
        up_to_date = inspection.up_to_date and not (recertified or healing or lacking)
        action: Action = "keep" if up_to_date else "change" if inspection.exists else "create"
        report = app_report(settings, app)
        if rollback := self.order.keeps(known, lambda: artefact_key(app, inspection.all_built), force=settings.force):
            return PlannedApp(
                app=app.name,
                owner=app.owner,
                workload=app.workload,
                action="keep",
                reasons=(rolled_back(rollback),),
                needs=app.needs,
                drift=drift(record, inspection.machines),
                cost=app_cost(app, settings.ha, inspection.machines, unchanged=True, exists=inspection.exists),
            )
        shown = PlannedApp(
            app=app.name,
            owner=app.owner,
            workload=app.workload,
            action=action,
            reasons=(
                *self._all_reasons(inspection, record, diffs, recertified=recertified, healing=healing),
                *(f"address {each}" for each in lacking),
            )
            if action == "change"
            else (),
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
            return replace(shown, addresses=lacking)
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
        self,
        inspection: AppInspection,
        record: Record | None,
        diffs: tuple[FileDiff, ...],
        *,
        recertified: bool,
        healing: Sequence[Drift],
    ) -> tuple[str, ...]:
        reasons = () if inspection.up_to_date else self._reasons(inspection, record, diffs)
        reasons += tuple(f"{each.what} was changed outside of git" for each in healing)
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
        if changed := changed_files(record.built, inspection.all_built) if record else "":
            reasons.append(f"built from {changed}")
        reasons += [f"{image} is {digest[:19]} now" for image, digest in moved_tags(record, self.app).items()]
        reasons += ["secrets"] if inspection.secrets.to_set else []
        reasons += [f"secret {name} is no longer used" for name in self._secrets_gone(record)]
        if moved := misplaced_machines(self.app, inspection.machines):
            reasons.append(f"moves from {', '.join(sorted({each.region for each in moved}))} to {self.app.region}")
        if inspection.machines:
            reasons += scaling_reasons(self.app, inspection)
        if not inspection.machines:
            reasons.append("no Machine runs")
        elif not inspection.census.complete:
            reasons += _census_reasons(inspection.census)
        elif not reasons and self.settings.force:
            reasons.append("force")
        elif not reasons and self.app.builds:
            reasons.append("what the image is built from, or its build arguments")
        elif not reasons:
            reasons.append("its Machines are not those of the last good deploy")
        return tuple(reasons)

    def _secrets_gone(self, record: Record | None) -> list[str]:
        """Return the secrets that the last deploy used and this one does not."""
        known = self.state.apps.get(self.app.name)
        before = record.secrets if record and record.secrets is not None else known.secrets if known else ()
        return sorted(set(before) - set(self.app.secrets))

    def _drift(self, inspection: AppInspection) -> Iterator[Drift]:
        """Yield differences from the last deploy that are not in the configuration of Machines."""
        app, down = self.app, inspection.census.stopped
        if down:
            count = len(app_machines(inspection.machines))
            yield Drift("running", (f"{count} of {count}",), (f"{count - len(down)} of {count}",))
        if app.addresses:
            present = self.api.addresses(app.name)
            if missing_addresses(app.addresses, present):
                yield Drift("addresses", app.addresses, tuple(each.kind for each in present))
        if app.volumes:
            names = [each.name for each in self.api.volumes(app.name)]
            claims = tuple(claim.name for claim in app.volumes)
            if not set(claims) <= set(names):
                yield Drift("volumes", claims, tuple(names))

    def _addresses(self, inspection: AppInspection) -> tuple[str, ...]:
        if not self.app.addresses:
            return ()
        return missing_addresses(self.app.addresses, self.api.addresses(self.app.name) if inspection.exists else ())


def _census_reasons(census: Census) -> Iterator[str]:
    """Yield why an app's Machines are not as desired, though all of them have the desired configuration."""
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


def _artefact_diffs(record: Record | None, app: App) -> tuple[FileDiff, ...]:
    before, after = record.texts if record else {}, artefact_texts(app)
    diffs = []
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
            diffs.append(FileDiff(name, "\n".join(lines) + "\n"))
    return tuple(diffs)
