"""`deploy`: brings the wanted apps to Fly, in dependency order, several at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from scorefly.fly.api import FlyApi, MachineView
from scorefly.fly.app import App
from scorefly.fly.deployer import Deployer
from scorefly.problems import Problem, ScoreflyError
from scorefly.run.artefacts import artefact_folder, working_folder
from scorefly.run.connection import Connection, connect
from scorefly.run.digest import METADATA_KEY, app_digest
from scorefly.run.generate import Generated, app_report, want, write
from scorefly.run.keeper import Keeper
from scorefly.run.loading import load
from scorefly.run.progress import Progress
from scorefly.run.report import AppReport, Report
from scorefly.run.secrets import SecretPlan, plan_secrets
from scorefly.run.settings import Settings
from scorefly.state.document import AppState, SecretState, fingerprint

WAKE = 0.5  # seconds


def deploy(settings: Settings, keeper: Keeper, progress: Progress) -> Report:
    """Generates, then creates or updates every app that is not as wanted; one that fails stops only its users."""
    wanted = want(settings, load(settings), keeper, progress)
    write(settings, wanted, keeper, progress)
    with connect(settings) as connection:
        connection.deployer.check()
        live = _by_app(connection.api.org_machines(settings.org))
        deployment = Deployment(settings, keeper, progress, connection, live)
        outcomes = deployment.run(wanted)
    return Report(
        command=settings.command,
        environment=settings.environment,
        apps=tuple(outcomes),
        resources=wanted.resources,
        problems=wanted.problems,
        artefacts=artefact_folder(settings, "").as_posix(),
        rehearsed=settings.rehearse,
        dry_run=settings.dry_run,
    )


@dataclass(slots=True)
class Deployment:
    """One deploy of several apps. `live` are the organization's Machines by app, as they were before."""

    settings: Settings
    keeper: Keeper
    progress: Progress
    connection: Connection
    live: Mapping[str, Sequence[MachineView]]
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, wanted: Generated) -> list[AppReport]:
        """Deploys each app as soon as those it needs are there, `max-parallel` at a time."""
        waiting = {app.name: app for app in wanted.apps}
        done: dict[str, AppReport] = {}
        running: dict[Future[AppReport], App] = {}
        pool = ThreadPoolExecutor(self.settings.max_parallel, thread_name_prefix="deploy")
        try:
            while waiting or running:
                for app in [each for each in waiting.values() if all(need in done for need in each.needs)]:
                    del waiting[app.name]
                    broken = [need for need in app.needs if done[need].status in ("failed", "skipped")]
                    if broken:
                        done[app.name] = self._skipped(app, broken)
                    else:
                        running[pool.submit(self._deploy_timed, app)] = app
                # The system may hand a signal to any thread; only this one acts on it, and it has to wake for that.
                finished, _ = wait(running, timeout=WAKE, return_when=FIRST_COMPLETED)
                for future in finished:
                    done[running.pop(future).name] = future.result()
        finally:
            self.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
        return [done[app.name] for app in wanted.apps]

    def _deploy_timed(self, app: App) -> AppReport:
        started = time.monotonic()
        try:
            report = AppDeployment(self, app).run()
        except ScoreflyError as error:
            for problem in error.problems:
                self.progress.problem(problem)
            report = replace(app_report(self.settings, app), status="failed", problem=error.problems[0])
        self.progress.step(f"{app.name}: {report.status}")
        return replace(report, seconds=round(time.monotonic() - started, 1))

    def _skipped(self, app: App, broken: Sequence[str]) -> AppReport:
        problem = Problem(f"{app.name} was not deployed, for it needs {', '.join(broken)}", "mend that first")
        self.progress.step(f"{app.name}: skipped, for {', '.join(broken)} failed")
        return replace(app_report(self.settings, app), status="skipped", problem=problem)


@dataclass(slots=True)
class AppDeployment:
    """One app on its way to Fly."""

    deployment: Deployment
    app: App

    def run(self) -> AppReport:
        """The runbook: look, make what is missing, set secrets, deploy, remember, tidy up."""
        settings, app, keeper = self.deployment.settings, self.app, self.deployment.keeper
        prints = {name: fingerprint(keeper.state.seed, name, str(value.value)) for name, value in app.secrets.items()}
        digest = app_digest(settings, app, prints)
        exists = app.name in self.deployment.live or self.api.app(app.name) is not None
        live_secrets = self._live_secrets() if exists else {}
        plan = plan_secrets(
            prints,
            self._known.secrets,
            live_secrets,
            unused=settings.unused_secrets,
            keep=settings.keep_secrets,
        )
        if not settings.force and not plan.to_set and self._runs(digest):
            removed = self._remove_secrets(plan)
            return self._report("unchanged", plan, removed)
        if settings.dry_run:
            return self._report("deployed" if exists else "created", plan, plan.to_remove)
        self.deployment.progress.step(f"{app.name}: {'updating' if exists else 'creating'}")
        if not exists:
            self.api.create_app(app.name, settings.org)
        keeper.record(lambda state: state.with_app(self._known))
        self._ensure_addresses()
        region = self._ensure_volumes()
        self._set_secrets(plan, prints)
        self._forget_digest()
        self._bring(region)
        self._remember(digest)
        removed = self._remove_secrets(plan)
        return self._report("deployed" if exists else "created", plan, removed)

    @property
    def api(self) -> FlyApi:
        """Fly's REST API."""
        return self.deployment.connection.api

    @property
    def deployer(self) -> Deployer:
        """What replaces Machines."""
        return self.deployment.connection.deployer

    @property
    def _known(self) -> AppState:
        """What state says of the app, brought up to what this run knows before deploying."""
        app = self.app
        known = self.deployment.keeper.state.apps.get(app.name)
        ports = {port.name: (port.port, port.internal) for port in app.ports}
        fresh = AppState(name=app.name, owner=app.owner, workload=app.workload, ports=ports, url=app.url)
        return replace(fresh, digest=known.digest, secrets=known.secrets) if known else fresh

    def _live_secrets(self) -> dict[str, str]:
        """Fly's digests by name; apps that have and had none are not asked, unless everything unknown must go."""
        if not (self.app.secrets or self._known.secrets or self.deployment.settings.unused_secrets == "all"):
            return {}
        return {secret.name: secret.digest for secret in self.api.secrets(self.app.name)}

    def _runs(self, digest: str) -> bool:
        """Whether every Machine of the app has this digest, which only a good deploy leaves."""
        machines = self.deployment.live.get(self.app.name, ())
        return bool(machines) and all(machine.metadata.get(METADATA_KEY) == digest for machine in machines)

    def _ensure_addresses(self) -> None:
        if not self.app.addresses:
            return
        present = {address.kind for address in self.api.addresses(self.app.name)}
        if "v4" in present:
            present.add("shared_v4")
        for kind in self.app.addresses:
            if kind not in present:
                self.api.allocate_address(self.app.name, kind, self.deployment.settings.org)

    def _ensure_volumes(self) -> str:
        """Makes missing volumes, one a Machine, and extends small ones. Returns the region to deploy to."""
        region = self.app.region
        if not self.app.volumes:
            return region
        volumes = self.api.volumes(self.app.name)
        region = region or next((volume.region for volume in volumes), "") or self.api.regions().nearest
        machines = max(1, len(self.deployment.live.get(self.app.name, ())))
        for claim in self.app.volumes:
            present = [volume for volume in volumes if volume.name == claim.name]
            for volume in present:
                if volume.size_gb < claim.size_gb:
                    self.api.extend_volume(self.app.name, volume.id, claim.size_gb)
            for _ in range(machines - len(present)):
                self.api.create_volume(self.app.name, claim.name, region, claim.size_gb)
        return region

    def _set_secrets(self, plan: SecretPlan, prints: Mapping[str, str]) -> None:
        """One call for all. State knows them as ours before Fly does: an interrupted run sets them again."""
        if not plan.to_set:
            return
        app, keeper = self.app, self.deployment.keeper
        pending = {name: SecretState(fingerprint="", digest="") for name in plan.to_set}
        keeper.record(lambda state: state.with_app(replace(self._known, secrets={**self._known.secrets, **pending})))
        self.api.update_secrets(app.name, {name: str(app.secrets[name].value) for name in plan.to_set})
        digests = {secret.name: secret.digest for secret in self.api.secrets(app.name)}
        now = {name: SecretState(prints[name], digests.get(name, "")) for name in plan.to_set}
        keeper.record(lambda state: state.with_app(replace(self._known, secrets={**self._known.secrets, **now})))

    def _forget_digest(self) -> None:
        """A deploy that fails half-way must not leave Machines that claim to run what they no longer do."""
        for machine in self.deployment.live.get(self.app.name, ()):
            if METADATA_KEY in machine.metadata:
                self.api.delete_metadata(self.app.name, machine.id, METADATA_KEY)

    def _bring(self, region: str) -> None:
        settings, lines, failed = self.deployment.settings, list[str](), True
        try:
            self.deployer.deploy(
                replace(self.app, region=region),
                settings.workspace / artefact_folder(settings, self.app.name),
                working_folder(settings, self.app),
                on_line=lines.append,
                stop=self.deployment.stop,
            )
            failed = False
        finally:
            if lines:
                self.deployment.progress.output(f"deploy of {self.app.name}", lines, failed=failed)

    def _remember(self, digest: str) -> None:
        for machine in self.api.machines(self.app.name):
            self.api.set_metadata(self.app.name, machine.id, METADATA_KEY, digest)
        self.deployment.keeper.record(lambda state: state.with_app(replace(self._known, digest=digest)))

    def _remove_secrets(self, plan: SecretPlan) -> tuple[str, ...]:
        if not plan.to_remove or self.deployment.settings.dry_run:
            return plan.to_remove
        self.api.update_secrets(self.app.name, dict.fromkeys(plan.to_remove))
        kept = {name: each for name, each in self._known.secrets.items() if name not in plan.to_remove}
        self.deployment.keeper.record(lambda state: state.with_app(replace(self._known, secrets=kept)))
        return plan.to_remove

    def _report(self, status: str, plan: SecretPlan, removed: tuple[str, ...]) -> AppReport:
        report = app_report(self.deployment.settings, self.app)
        return replace(report, status=status, secrets_set=plan.to_set, secrets_removed=removed)  # type: ignore[arg-type]


def _by_app(machines: Sequence[MachineView]) -> dict[str, list[MachineView]]:
    found: dict[str, list[MachineView]] = {}
    for machine in machines:
        found.setdefault(machine.app, []).append(machine)
    return found
