"""One app on its way to Fly: prepared, brought, settled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from scorefly.fly.api import FlyApi, MachineView
from scorefly.fly.app import App
from scorefly.problems import ScoreflyError, failed
from scorefly.run.artefacts import artefact_folder, working_folder
from scorefly.run.connection import Connection
from scorefly.run.digest import METADATA_KEY, app_digest
from scorefly.run.generate import app_report
from scorefly.run.keeper import Keeper
from scorefly.run.progress import Progress
from scorefly.run.report import AppReport
from scorefly.run.secrets import SecretPlan, plan_secrets
from scorefly.run.settings import Settings
from scorefly.run.superseding import Standing
from scorefly.state.document import AppState, SecretState, fingerprint


@dataclass(slots=True)
class AppDeployment:
    """The runbook of one app. `machines` are its Machines as they were before; a set `stop` ends it early."""

    settings: Settings
    keeper: Keeper
    progress: Progress
    connection: Connection
    app: App
    machines: tuple[MachineView, ...]
    stop: threading.Event
    standing: Standing = field(default_factory=Standing)
    seconds: float = 0.0
    _exists: bool = False
    _digest: str = ""
    _prints: dict[str, str] = field(default_factory=dict)
    _plan: SecretPlan = field(default_factory=lambda: SecretPlan((), ()))

    def attempt(self, step: Callable[[], AppReport | None]) -> AppReport | None:
        """Takes a step. A report ends the app's way: what failed is told and reported, not raised."""
        started = time.monotonic()
        try:
            report = step()
        except ScoreflyError as error:
            for problem in error.problems:
                self.progress.problem(problem)
            report = replace(app_report(self.settings, self.app), status="failed", problem=error.problems[0])
        self.seconds += time.monotonic() - started
        return report and replace(report, seconds=round(self.seconds, 1))

    def prepare(self) -> AppReport | None:
        """Looks whether anything is to do. A new app gets all but its Machines at once: nobody uses it yet."""
        app, settings = self.app, self.settings
        if app.name in self.standing.ahead:
            return replace(app_report(settings, app), status="unchanged")
        self._prints = {
            name: fingerprint(self.keeper.state.seed, name, str(value.value)) for name, value in app.secrets.items()
        }
        self._digest = app_digest(settings, app, self._prints)
        self._exists = bool(self.machines) or self.api.app(app.name) is not None
        self._plan = plan_secrets(
            self._prints,
            self._known.secrets,
            self._live_secrets() if self._exists else {},
            unused=settings.unused_secrets,
            keep=settings.keep_secrets,
        )
        if not settings.force and not self._plan.to_set and self._runs():
            self._remove_secrets()
            if not settings.dry_run:
                self.keeper.change(lambda state: state.with_app(self._deployed))
            return self._report("unchanged")
        if settings.dry_run:
            return self._report("deployed" if self._exists else "created")
        if not self._exists:
            self.progress.step(f"{app.name}: creating")
            self.api.create_app(app.name, settings.org)
            self._provide()
        return None

    def bring(self) -> None:
        """Replaces the Machines, once everything that the app needs is there."""
        if self._exists:
            self.progress.step(f"{self.app.name}: updating")
            self._provide()
        self._forget_digest()
        self._leave_containers()
        with self.progress.output(f"deploy of {self.app.name}") as output:
            self.connection.deployer.deploy(
                self.app,
                self.settings.workspace / artefact_folder(self.settings, self.app.name),
                working_folder(self.settings, self.app),
                on_line=output,
                stop=self.stop,
            )

    def settle(self) -> AppReport:
        """Remembers what runs now, and removes secrets that nothing uses any longer."""
        machines = self.api.machines(self.app.name)
        self._start_the_fallen(machines)
        for machine in machines:
            self.api.set_metadata(self.app.name, machine.id, METADATA_KEY, self._digest)
        self.keeper.record(lambda state: state.with_app(self._deployed))
        self._remove_secrets()
        return self._report("deployed" if self._exists else "created")

    @property
    def api(self) -> FlyApi:
        """Fly's REST API."""
        return self.connection.api

    @property
    def _known(self) -> AppState:
        """What state says of the app, brought up to what this run knows before deploying."""
        app = self.app
        known = self.keeper.state.apps.get(app.name)
        ports = {port.name: (port.port, port.internal) for port in app.ports}
        fresh = AppState(
            name=app.name,
            owner=app.owner,
            workload=app.workload,
            ports=ports,
            url=app.url,
            flycast=any(port.how == "flycast" for port in app.ports),
        )
        return replace(fresh, digest=known.digest, secrets=known.secrets, commit=known.commit) if known else fresh

    @property
    def _deployed(self) -> AppState:
        """What state says of the app once it runs as wanted."""
        return replace(self._known, digest=self._digest, commit=self.standing.commit)

    def _live_secrets(self) -> dict[str, str]:
        """Fly's digests by name; apps that have and had none are not asked, unless everything unknown must go."""
        if not (self.app.secrets or self._known.secrets or self.settings.unused_secrets == "all"):
            return {}
        return {secret.name: secret.digest for secret in self.api.secrets(self.app.name)}

    def _runs(self) -> bool:
        """Whether every Machine of the app has the wanted digest, which only a good deploy leaves."""
        return bool(self.machines) and all(
            machine.metadata.get(METADATA_KEY) == self._digest for machine in self.machines
        )

    def _provide(self) -> None:
        """What Machines find when they start: addresses, volumes and secrets."""
        self.keeper.record(lambda state: state.with_app(self._known))
        self._ensure_addresses()
        self._ensure_volumes()
        self._set_secrets()
        self.connection.deployer.prepare(self.app, stop=self.stop)

    def _ensure_addresses(self) -> None:
        if not self.app.addresses:
            return
        present = {address.kind for address in self.api.addresses(self.app.name)} if self._exists else set[str]()
        if "v4" in present:
            present.add("shared_v4")
        for kind in self.app.addresses:
            if kind not in present:
                self.api.allocate_address(self.app.name, kind, self.settings.org)

    def _ensure_volumes(self) -> None:
        """Makes missing volumes, one a Machine, and extends small ones. Machines go where their volumes are."""
        if not self.app.volumes:
            return
        volumes = self.api.volumes(self.app.name) if self._exists else ()
        region = self.app.region or next((volume.region for volume in volumes), "") or self.api.regions().nearest
        for claim in self.app.volumes:
            present = [volume for volume in volumes if volume.name == claim.name]
            for volume in present:
                if volume.size_gb < claim.size_gb:
                    self.api.extend_volume(self.app.name, volume.id, claim.size_gb)
            for _ in range(max(1, len(self.machines)) - len(present)):
                self.api.create_volume(self.app.name, claim.name, region, claim.size_gb)
        self.app = replace(self.app, region=region)

    def _set_secrets(self) -> None:
        """One call for all. State knows them as ours before Fly does: an interrupted run sets them again."""
        plan, app = self._plan, self.app
        if not plan.to_set:
            return
        self._know_secrets({name: SecretState(fingerprint="", digest="") for name in plan.to_set})
        digests = self.api.update_secrets(app.name, {name: str(app.secrets[name].value) for name in plan.to_set})
        self._know_secrets({name: SecretState(self._prints[name], digests.get(name, "")) for name in plan.to_set})

    def _know_secrets(self, secrets: dict[str, SecretState]) -> None:
        self.keeper.record(
            lambda state: state.with_app(replace(self._known, secrets={**self._known.secrets, **secrets}))
        )

    def _forget_digest(self) -> None:
        """A deploy that fails half-way must not leave Machines that claim to run what they no longer do."""
        for machine in self.machines:
            if METADATA_KEY in machine.metadata:
                self.api.delete_metadata(self.app.name, machine.id, METADATA_KEY)

    def _start_the_fallen(self, machines: tuple[MachineView, ...]) -> None:
        """Starts Machines that crashed before this deploy: flyctl replaces what is stopped, and leaves it so."""
        fallen = [machine for machine in machines if machine.state == "stopped" and machine.crashed]
        for machine in fallen:
            self.progress.step(f"{self.app.name}: starting Machine {machine.id}, which had crashed")
            self.api.start_machine(self.app.name, machine.id)
        for machine in fallen:
            if not self.api.wait_machine(self.app.name, machine.id, "started", int(self.settings.wait_timeout)):
                hint = f"look at its log with `fly logs -a {self.app.name}`"
                raise failed(f"Machine {machine.id} of {self.app.name} does not start", hint)

    def _leave_containers(self) -> None:
        """flyctl leaves a Machine the containers it has, where its configuration no longer names any."""
        if self.app.machine or not self.machines:
            return
        for machine in self.api.machines(self.app.name):
            if machine.config.get("containers"):
                self.progress.step(f"{self.app.name}: replacing Machine {machine.id}, which has containers")
                self.api.delete_machine(self.app.name, machine.id)

    def _remove_secrets(self) -> None:
        to_remove = self._plan.to_remove
        if not to_remove or self.settings.dry_run:
            return
        self.api.update_secrets(self.app.name, dict.fromkeys(to_remove))
        kept = {name: each for name, each in self._known.secrets.items() if name not in to_remove}
        self.keeper.record(lambda state: state.with_app(replace(self._known, secrets=kept)))

    def _report(self, status: str) -> AppReport:
        report = app_report(self.settings, self.app)
        return replace(
            report,
            status=status,  # type: ignore[arg-type]
            secrets_set=self._plan.to_set,
            secrets_removed=self._plan.to_remove,
        )
