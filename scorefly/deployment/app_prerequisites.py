"""Creates what an app's Machines find when they start: the app itself, addresses, volumes and secrets."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from scorefly.deployment.addresses import resolve_pending
from scorefly.deployment.app_records import app_state, save_app
from scorefly.deployment.fly_run import FlyRun
from scorefly.deployment.inspection import AppInspection, VolumeChanges
from scorefly.deployment.releases import RollbackTarget
from scorefly.deployment.volumes import creation_settings
from scorefly.fly.addresses import missing_addresses, split_address
from scorefly.fly.api.errors import RefusedError
from scorefly.fly.app import App
from scorefly.state.document import SecretState


def create_app(run: FlyRun, app: App) -> None:
    """Create the app. State has it before Fly has it, so that a run that is killed leaves no unknown app."""
    unknown = {"id": "", "digest": "", "secrets": {}, "addresses": (), "record": "", "certificates": {}}
    save_app(run, app, **unknown, network=run.network)
    save_app(run, app, id=run.api.create_app(app.name, run.settings.org, run.network).id)


def ensure_addresses(run: FlyRun, app: App, *, exists: bool) -> tuple[str, ...]:
    """Allocate the addresses that the app lacks, and return their kinds. Raises ExternalError."""
    if not app.addresses:
        return ()
    present = run.api.addresses(app.name) if exists else ()
    missing = missing_addresses(app.addresses, present)
    state = app_state(run, app)
    recorded = resolve_pending(state.addresses, present)
    if recorded != state.addresses:
        save_app(run, app, addresses=recorded)
    for address in missing:
        kind, region = split_address(address)
        previous = app_state(run, app).addresses
        network = app_state(run, app).network if kind == "private_v6" else ""
        # Recorded as ours before Fly knows of it: its answer may be lost.
        save_app(run, app, addresses=(*previous, address))
        try:
            ip = run.api.allocate_address(app.name, kind, run.settings.org, network, region)
        except RefusedError:
            save_app(run, app, addresses=previous)
            raise
        save_app(run, app, addresses=tuple(dict.fromkeys((*previous, ip))))
    return missing


class AppPrerequisites(Struct):
    """Creates what one app needs before its Machines start. `before` is the app as it was inspected."""

    run: FlyRun
    app: App
    before: AppInspection
    volumes: VolumeChanges
    target: RollbackTarget | None = None

    def ensure(self) -> None:
        """Create what is missing, and set the app's region where its volumes decide it. Raises ScoreflyError."""
        run, app = self.run, self.app
        recorded = app_state(run, app).id
        existing = None if recorded else run.api.app(app.name)
        begun = self.target.begun() if self.target else {}
        save_app(run, app, id=existing.id if existing else recorded, digest="", **begun)
        ensure_addresses(run, self.app, exists=self.before.exists)
        self._ensure_volumes()
        self._set_secrets()
        run.connection.deployer.prepare(self.app, stop=run.stop)

    def _ensure_volumes(self) -> None:
        """Create missing volumes, one per Machine, and extend small ones. Machines go where their volumes are."""
        changes, app, api = self.volumes, self.app, self.run.api
        if not app.region and (app.volumes or changes.detach):
            self.app = replace(app, region=changes.region or api.regions().nearest)
        for volume, size_gb in changes.extend:
            api.extend_volume(app.name, volume.id, size_gb)
        for volume, settings in changes.update:
            api.update_volume(app.name, volume.id, settings)
        for claim, code in changes.create:
            settings = creation_settings(app, claim)
            api.create_volume(app.name, claim.name, code or self.app.region, claim.size_gb, settings)

    def _set_secrets(self) -> None:
        """Set all secrets in one call. State has them before Fly does: after an interruption they are set again."""
        run, app, plan = self.run, self.app, self.before.secrets
        if not plan.to_set:
            return
        pending = {name: SecretState(fingerprint="", digest="") for name in plan.to_set}
        save_app(run, app, secrets={**app_state(run, app).secrets, **pending})
        digests = run.api.update_secrets(app.name, {name: str(app.secrets[name].value) for name in plan.to_set})
        fingerprints = self.before.fingerprints
        now = {name: SecretState(fingerprints[name], digests.get(name, "")) for name in plan.to_set}
        save_app(run, app, secrets={**app_state(run, app).secrets, **now})
