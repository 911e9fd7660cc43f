"""`cleanup`: removes what is no longer used. Every thing that was looked at is in the report, kept or removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.deployment.addresses import is_ours
from scorefly.deployment.connection import connect
from scorefly.deployment.deprovisioning import deprovision_each
from scorefly.deployment.destruction import AppDestroyer
from scorefly.deployment.live import app_names, list_machines
from scorefly.deployment.ownership import not_ours
from scorefly.deployment.secrets import plan_secrets, remove_secrets
from scorefly.deployment.state_guard import refuse_unknown_apps
from scorefly.desired.apps import app_report, compute_desired_apps
from scorefly.desired.load import Loaded, load
from scorefly.desired.orphans import Orphans, find_orphans
from scorefly.desired.shared_servers import URI as PREVIEWS_URI
from scorefly.fly.api import FlyApi
from scorefly.fly.api.addresses import AddressView
from scorefly.fly.api.machines import MachineView
from scorefly.fly.api.volumes import VolumeView
from scorefly.fly.app import App
from scorefly.problems import Problem, ScoreflyError
from scorefly.report.report import AppReport, Finding, Report
from scorefly.resources.managed import MANAGED
from scorefly.run import Run
from scorefly.state.document import EnvironmentState
from scorefly.state.keeper import Keeper
from scorefly.state.snapshot import unpack

LOOKS = 8  # apps looked at at a time


def cleanup(run: Run, *, fails_on_foreign_apps: bool = False) -> Report:
    """Remove what `cleanup` names. Volumes are removed, with their data, only when `volumes` is among it."""
    loaded = load(run.settings)
    with connect(run.settings, run.keeper) as connection:
        api = connection.api
        live = list_machines(run.settings, api, app_names(run.settings, loaded, run.state))
        refuse_unknown_apps(run.settings, loaded, run.state, live)
        # Only names matter here: nothing is provisioned, and no secret has to be given.
        desired = compute_desired_apps(replace(run, keeper=Keeper(None, run.state)), loaded, trial=True)
        tidying = EnvironmentCleanup(run, api, live, {app.name: app for app in desired.apps})
        ours, foreign = tidying.apps_by_owner(fails_on_foreign_apps=fails_on_foreign_apps)
        findings: list[Finding] = []
        apps: tuple[AppReport, ...] = ()
        if "secrets" in run.settings.cleanup:
            findings += tidying.each(ours, tidying.secrets)
        if "resources" in run.settings.cleanup:
            findings += tidying.each(ours, tidying.addresses)
        volumes = volumes_by_app(api, run.settings) if {"resources", "volumes"} & set(run.settings.cleanup) else {}
        if "resources" in run.settings.cleanup:
            orphaned, apps = tidying.orphans(loaded, volumes)
            findings += orphaned
        if volumes:
            findings += tidying.each(ours, lambda app: tidying.volumes(app, volumes.get(app.name, ())))
    removed = {app.name: tuple(each.name for each in findings if _is_removed_secret(each, app)) for app in ours}
    kept = tuple(
        replace(app_report(run.settings, app), status="unchanged", secrets_removed=removed[app.name]) for app in ours
    )
    return Report(
        command=run.settings.command,
        environment=run.settings.environment,
        apps=(*kept, *foreign, *apps),
        problems=desired.problems,
        findings=tuple(findings),
        rehearsed=run.settings.rehearse,
        dry_run=run.settings.dry_run,
    )


class EnvironmentCleanup(Struct, frozen=True):
    """One cleanup of an environment. `live` are the organization's Machines by app, `desired` the apps to be kept."""

    run: Run
    api: FlyApi
    live: Mapping[str, Sequence[MachineView]]
    desired: Mapping[str, App]

    def apps_by_owner(self, *, fails_on_foreign_apps: bool) -> tuple[list[App], list[AppReport]]:
        """Return our desired apps that are there, and reports of those that are not ours, where these are failures."""

        def inspect(app: App) -> App | Problem | None:
            machines = self.live.get(app.name, ())
            if not machines and self.api.app(app.name) is None:
                return None
            return not_ours(self.run.settings, self.api, app.name, machines, self.run.state) or app

        with ThreadPoolExecutor(LOOKS, thread_name_prefix="cleanup") as pool:
            inspected = list(zip(self.desired.values(), pool.map(inspect, self.desired.values()), strict=True))
        foreign = [(app, problem) for app, problem in inspected if isinstance(problem, Problem)]
        for _, problem in foreign:
            self.run.progress.problem(problem if fails_on_foreign_apps else replace(problem, severity="warning"))
        reports = [
            replace(app_report(self.run.settings, app), status="failed", problem=problem, url="")
            for app, problem in foreign
        ]
        ours = [app for _, app in inspected if isinstance(app, App)]
        return ours, reports if fails_on_foreign_apps else []

    def each(self, apps: Iterable[App], part: Callable[[App], list[Finding]]) -> list[Finding]:
        """One part for several apps at a time, in their order."""
        with ThreadPoolExecutor(LOOKS, thread_name_prefix="cleanup") as pool:
            return [finding for findings in pool.map(part, apps) for finding in findings]

    def secrets(self, app: App) -> list[Finding]:
        """Every secret of an app: wanted, managed (set by scorefly once), or unknown."""
        known = self.run.state.apps.get(app.name)
        managed = known.secrets if known else {}
        live = {secret.name: secret.digest for secret in self.api.secrets(app.name)}
        unused, keep = self.run.settings.unused_secrets, self.run.settings.keep_secrets
        to_remove = plan_secrets(dict.fromkeys(app.secrets, ""), managed, live, unused=unused, keep=keep).to_remove
        findings = []
        for name in sorted(live):
            why = "wanted" if name in app.secrets else "managed" if name in managed else "unknown"
            findings.append(Finding("secret", name, "removed" if name in to_remove else "kept", why, app.name))
        if not to_remove:
            return findings
        return self._attempt(findings, lambda: self._remove_secrets(app, to_remove))

    def _remove_secrets(self, app: App, names: Sequence[str]) -> None:
        remove_secrets(self.api, self.run.keeper, app.name, names)
        self.run.progress.step(f"{app.name}: {len(names)} unused")

    def addresses(self, app: App) -> list[Finding]:
        """Addresses of an app that is no longer public, once it was deployed so. Only those scorefly gave it go."""
        known = self.run.state.apps.get(app.name)
        record = unpack(known.record) if known else None
        if known is None or record is None or record.facts.get("ports") or app.addresses:
            return []
        findings = []
        for address in self.api.addresses(app.name):
            given = is_ours(address, known.addresses)
            why = "the app is not public" if given else "not public, and not given by scorefly"
            finding = Finding("address", address.ip, "removed" if given else "kept", why, app.name)
            findings += self._attempt([finding], partial(self._release, app, address)) if given else [finding]
        return findings

    def _release(self, app: App, address: AddressView) -> None:
        self.api.release_address(app.name, address.ip)

        def without(state: EnvironmentState) -> EnvironmentState:
            known = state.apps[app.name]
            kept = tuple(each for each in known.addresses if each not in (address.ip, address.kind))
            return state.with_app(replace(known, addresses=kept))

        self.run.keeper.record(without)

    def volumes(self, app: App, volumes: Sequence[VolumeView]) -> list[Finding]:
        """Volumes without a Machine, but for those that the app's next Machines need."""
        free = [volume for volume in volumes if not volume.machine]
        attached = Counter(volume.name for volume in volumes if volume.machine)
        machines = max(1, len(self.live.get(app.name, ())))
        spare = {claim.name: machines - attached[claim.name] for claim in app.volumes}
        findings = []
        for volume in free:
            if spare.get(volume.name, 0) > 0:
                spare[volume.name] -= 1
                continue
            size = f"no Machine has it ({volume.name}, {volume.size_gb} GB)"
            if "volumes" in self.run.settings.cleanup:
                finding = Finding("volume", volume.id, "removed", size, app.name)
                findings += self._attempt([finding], partial(self.api.delete_volume, app.name, volume.id))
            else:
                why = f"{size}; its data goes only with cleanup: volumes"
                findings.append(Finding("volume", volume.id, "kept", why, app.name))
        return findings

    def orphans(
        self, loaded: Loaded, volumes: Mapping[str, Sequence[VolumeView]]
    ) -> tuple[list[Finding], tuple[AppReport, ...]]:
        """Resources and apps that no Score file asks for any longer. What holds data stays, and what belongs to it."""
        return self.remove_orphans(
            find_orphans(self.run.settings, loaded, self.desired.keys(), self.run.state), volumes
        )

    def remove_orphans(
        self, found: Orphans, volumes: Mapping[str, Sequence[VolumeView]]
    ) -> tuple[list[Finding], tuple[AppReport, ...]]:
        """Remove resources and apps. What holds data stays, and what belongs to it.

        That is what has a volume, also that of a server which others use, and what Fly or Tigris keeps for it.
        """
        with_data = set() if "volumes" in self.run.settings.cleanup else {name for name in volumes if volumes[name]}
        holding = {app.name for app in found.apps if app.name in with_data}
        kept_workloads = {app.workload for app in found.apps if app.name in holding and app.workload}
        kept: set[str] = set()
        for resource in found.resources:
            if resource.provisioner == PREVIEWS_URI:  # a preview's data is not kept
                continue
            managed = resource.provisioner in MANAGED and "volumes" not in self.run.settings.cleanup
            if managed or with_data.intersection(resource.apps) or kept_workloads.intersection(resource.workloads):
                kept.add(resource.uid)
        kept |= {need for resource in found.resources if resource.uid in kept for need in resource.needs}
        holding |= {app.name for app in found.apps if app.owner in kept}
        why = "no Score file asks for it; its data goes only with cleanup: volumes"
        findings = [Finding("resource", each.uid, "kept", why) for each in found.resources if each.uid in kept]
        findings += [Finding("app", app.name, "kept", why) for app in found.apps if app.name in holding]
        findings += deprovision_each(
            self.run,
            [each.uid for each in found.resources if each.uid not in kept],
            self.api,
        )
        failed = {each.name for each in findings if each.outcome == "failed"}
        destruction = AppDestroyer(self.run, self.api, self.live)
        apps = destruction.destroy(app for app in found.apps if app.name not in holding and app.owner not in failed)
        if not self.run.settings.dry_run:
            self.run.keeper.record(lambda state: _forgetting(state, found.workloads))
        return findings, apps

    def _attempt(self, findings: list[Finding], remove: Callable[[], object]) -> list[Finding]:
        """The findings, once what they say is done; what fails does not keep the rest from being tidied up."""
        if self.run.settings.dry_run:
            return findings
        try:
            remove()
        except ScoreflyError as error:
            for problem in error.problems:
                self.run.progress.problem(problem)
            return [replace(each, outcome="failed") if each.outcome == "removed" else each for each in findings]
        return findings


def _forgetting(state: EnvironmentState, gone: Iterable[str]) -> EnvironmentState:
    """The state without the Score files of workloads that nothing in it belongs to any longer."""
    used = {app.workload for app in state.apps.values()}
    used |= {name for resource in state.resources.values() for name in resource.workloads}
    return replace(
        state, workloads={name: file for name, file in state.workloads.items() if name in used or name not in gone}
    )


def volumes_by_app(api: FlyApi, settings: Settings) -> dict[str, list[VolumeView]]:
    """Return the volumes of the organization by app."""
    found: dict[str, list[VolumeView]] = {}
    for volume in api.org_volumes(settings.org):
        found.setdefault(volume.app, []).append(volume)
    return found


def _is_removed_secret(finding: Finding, app: App) -> bool:
    return (finding.kind, finding.outcome, finding.app) == ("secret", "removed", app.name)
