"""Deploys one app: prepares it, replaces its Machines, records the result."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.confined import is_file
from scorefly.deployment.addresses import resolve_pending
from scorefly.deployment.connection import Connection
from scorefly.deployment.costs import app_cost
from scorefly.deployment.digest import METADATA_KEY, state_digest
from scorefly.deployment.drift import facts_of
from scorefly.deployment.failures import MAX_LINES, collect_failure
from scorefly.deployment.image_builds import ImageBuilds, build_key
from scorefly.deployment.inspection import (
    AppInspection,
    VolumeChanges,
    census_after,
    inspect_app,
    known_app,
    missing_addresses,
)
from scorefly.deployment.machine_counts import Census, app_machines, is_standby, lone_standbys
from scorefly.deployment.machine_move import MachineMove
from scorefly.deployment.machine_repair import MachineRepair
from scorefly.deployment.machine_scaling import MachineScaling
from scorefly.deployment.newest_commit import CommitOrder, rollback_notice
from scorefly.deployment.ownership import marks
from scorefly.deployment.releases import RollbackTarget, artefact_key, release_changes, timestamp, unchanged_release
from scorefly.deployment.scaling_checks import check_scaling, removal_warnings
from scorefly.deployment.secrets import remove_secrets
from scorefly.deployment.volumes import creation_settings, misplaced_machines, plan_volumes, volume_warnings
from scorefly.desired.apps import app_report
from scorefly.desired.artefacts import artefact_folder, artefact_texts, file_digests, working_folder
from scorefly.desired.build_context import changed_files, summarised
from scorefly.fly.api import FlyApi
from scorefly.fly.api.errors import RefusedError
from scorefly.fly.api.machines import MachineView
from scorefly.fly.app import App, Build
from scorefly.problems import Place, Problem, ScoreflyError
from scorefly.report.report import AppReport, Status
from scorefly.run import Run
from scorefly.state.document import AppState, SecretState
from scorefly.state.releases import Rollback
from scorefly.state.snapshot import Record, pack, unpack


class AppDeployment(Struct):
    """The runbook of one app. `listed` are its Machines in a listing, which may be late; a set `stop` ends it early.

    `target` is the release that a rollback deploys.
    """

    run: Run
    connection: Connection
    app: App
    listed: tuple[MachineView, ...]
    stop: threading.Event
    builds: ImageBuilds
    standing: CommitOrder = field(default_factory=CommitOrder)
    target: RollbackTarget | None = None
    network: str = ""  # what a new app joins
    seconds: float = 0.0
    warnings: tuple[Problem, ...] = ()
    _volumes: VolumeChanges = field(default_factory=VolumeChanges)
    _before: AppInspection = field(default_factory=AppInspection)
    _image: str = ""  # what was deployed
    _output: deque[str] | None = None  # the last lines of the deploy, once it has begun

    def attempt(self, step: Callable[[], AppReport | None]) -> AppReport | None:
        """Takes a step. A report ends the app's way: what failed is told and reported, not raised."""
        started = time.monotonic()
        try:
            report = step()
        except ScoreflyError as error:
            problems = [self._placed(each) for each in error.problems]
            for problem in problems:
                self.run.progress.problem(problem)
            report = self.not_deployed("failed", problems[0])
            if self._output is not None and not self.stop.is_set():
                failure = collect_failure(self.api, self.app.name, tuple(self._output))
                # A simulated app has no page at Fly.
                failure = replace(failure, dashboard="") if self.run.settings.rehearse else failure
                report = replace(report, failure=failure)
        self.seconds += time.monotonic() - started
        return report and replace(report, seconds=round(self.seconds, 1))

    def _placed(self, problem: Problem) -> Problem:
        """Return the problem at the Score file that the app comes from, where state knows it."""
        place = None if problem.place else self._score_file()
        return replace(problem, place=place, of_file=True) if place else problem

    def _score_file(self) -> Place | None:
        state = self.run.state
        resource = state.resources.get(self.app.owner)
        workload = self.app.workload or (resource.defined_by or resource.owner if resource else "")
        file = state.workloads.get(workload, "")
        return Place(file) if file and is_file(self.run.settings.workspace, file) else None

    def not_deployed(self, status: Status, problem: Problem) -> AppReport:
        """Report an app that was not deployed: it has a URL only where its earlier Machines run, which are ours."""
        report = replace(app_report(self.run.settings, self.app), status=status, problem=problem)
        return report if self._before.exists and self._before.machines else replace(report, url="")

    def prepare(self) -> AppReport | None:
        """Decide whether anything is to do. A new app gets all but its Machines at once: it is not in use yet."""
        if self.app.name in self.standing.newer_apps or self.app.name in self.standing.rolled_back:
            return replace(app_report(self.run.settings, self.app), status="unchanged")
        self._before = inspect_app(self.run.settings, self.run.state, self.api, self.app, self.listed)
        if rollback := self._keeping_rollback():
            self._warn(rollback_notice(self.app.name, rollback))
            return self._report("unchanged", self._before.machines)
        if self._before.unseen:
            message = f"{self.app.name} was not checked: the Fly API token may not see it, and state has it unchanged"
            self._warn(Problem(message, severity="notice"))
            return self._report("unchanged")
        if self._before.up_to_date:
            self._remove_secrets()
            if not self.run.settings.dry_run:
                self._mark(self._before.machines)
                self._remember_unchanged()
            return self._report("unchanged", self._before.machines)
        changes = check_scaling(self.run.settings, self.api, self.app, self._before)
        for warning in removal_warnings(self.app, changes.remove):
            self._warn(warning)
        if not self._before.repair_only:
            self._plan_volumes()
        if self.run.settings.dry_run:
            return self._report(self._done)
        if not self._before.exists:
            self.run.progress.app(self.app.name, "creating")
            self._create()
            self._ensure_prerequisites()
        return None

    def replace_machines(self) -> None:
        """Replaces the Machines, once everything that the app needs is there."""
        if self._before.repair_only:
            scales = self._before.census.resizes
            self.run.progress.app(self.app.name, "changing the number of Machines" if scales else "repairing")
            return
        if self._before.exists:
            record = unpack(self._known.record)
            changed = changed_files(record.built, self._before.built) if record else ""
            self.run.progress.app(self.app.name, f"updating{f', because {changed} changed' if changed else ''}")
            self._ensure_prerequisites()
        artefact = self.run.settings.workspace / artefact_folder(self.run.settings, self.app.name)
        folder = working_folder(self.run.settings, self.app)
        with self.connection.slots:
            self._image = self._build(artefact, folder)
            self._forget_digest()
            self._remove_outdated_machines()
            self._report_leases()
            self.run.keeper.confirm_lock()
            with self._output_of("deploy") as output:
                app = replace(self.app, image=self._image)
                self.connection.deployer.deploy(app, artefact, folder, on_line=output, stop=self.stop)

    @contextmanager
    def _output_of(self, step: str) -> Iterator[Callable[[str], None]]:
        """Show another program's output, line by line, and remember its last lines."""
        last = self._output = deque(maxlen=MAX_LINES)
        with self.run.progress.output(f"{step} of {self.app.name}", self.app.name) as write:

            def output(line: str) -> None:
                last.append(line)
                write(line)

            yield output

    def _build(self, artefact: Path, folder: Path) -> str:
        """Return the reference of the app's image, which is built first unless that was done before.

        No Machine is touched until the image is there. State has it before the deploy begins, so that one that fails
        does not build again.
        """
        if not isinstance(self.app.image, Build):
            return self.app.pinned or self.app.image

        def build(label: str) -> str:
            self.run.keeper.confirm_lock()
            with self._output_of("build") as output:
                return self.connection.builder.build(self.app, artefact, folder, label, on_line=output, stop=self.stop)

        key = build_key(self.run.settings, self.app, self.app.image, self._before.built)
        image = self.builds.image(self.app, key, self.run.state, build, self.stop)
        record = unpack(self._known.record) or Record()
        if record.build != (key, image):
            self._record(record=pack(replace(record, build=(key, image))))
        return image

    def record_result(self) -> AppReport:
        """Remembers what runs now, and removes secrets that nothing uses any longer.

        Machines say whose they are first, and that they are as wanted last.
        """
        app = self.app
        machines = self._move_to_region(self.api.machines(app.name))
        census = census_after(self.run.settings, app, machines, self._before)
        repair = MachineRepair(self.api, self.run.progress, app, self.run.settings.wait_timeout, self.stop)
        if not app_machines(machines):
            hint = f"inspect_app at what flyctl said, and at `fly status -a {app.name}`"
            self._warn(Problem(f"{app.name} has no Machine after its deploy", hint, severity="warning"))
        elif repair.repair(census, machines):
            machines = self.api.machines(app.name)
        unused_volumes: tuple[str, ...] = ()
        if census.resizes or self._before.unused_volumes:
            unused_volumes = self._scale(census, machines)
            machines = self.api.machines(app.name)
        self._mark(machines)
        for machine in app_machines(machines):
            if machine.metadata.get(METADATA_KEY) != self._before.digest:
                self.api.set_metadata(app.name, machine.id, METADATA_KEY, self._before.digest)
        self._record(
            **self._wanted(machines), deployed_at=timestamp(), record=self._record_of(machines, unused_volumes)
        )
        self._remove_secrets()
        return self._report(self._done, machines)

    @property
    def api(self) -> FlyApi:
        """Fly's REST API."""
        return self.connection.api

    @property
    def _done(self) -> Status:
        return "deployed" if self._before.exists else "created"

    @property
    def _known(self) -> AppState:
        """Return the app's state, updated with what this run desires."""
        return known_app(self.run.state, self.app)

    def _wanted(self, machines: Sequence[MachineView]) -> dict[str, Any]:
        """Return what state says more of the app once it runs as wanted."""
        known, commit, at = self._known, self.standing.commit, self.standing.started
        digest = state_digest(self.app, self._before.digest)
        if self.target:
            return {"digest": digest, **self.target.done(known)}
        if known.digest == digest and known.release:
            changes = {**unchanged_release(known, commit), "rollback": None}
        else:
            changes = release_changes(known, self.app, machines, self._before.built, commit, at)
        return {"digest": digest, "commit": commit, **changes}

    def _keeping_rollback(self) -> Rollback | None:
        """Return the rollback that keeps this run from deploying the app."""
        if self.target:
            return None
        known, built = self.run.state.apps.get(self.app.name), self._before.built
        return self.standing.keeps(known, lambda: artefact_key(self.app, built), force=self.run.settings.force)

    def _record(self, **changes: Any) -> None:
        self.run.keeper.record(lambda state: state.with_app(replace(known_app(state, self.app), **changes)))

    def _create(self) -> None:
        """State knows that the app is being made before it is there: a run that is killed leaves no stranger."""
        self._record(id="", digest="", secrets={}, addresses=(), record="", certificates={}, network=self.network)
        self._record(id=self.api.create_app(self.app.name, self.run.settings.org, self.network).id)

    def _ensure_prerequisites(self) -> None:
        """Return what Machines find when they start: addresses, volumes and secrets."""
        found = None if self._known.id else self.api.app(self.app.name)
        begun = self.target.begun() if self.target else {}
        self._record(id=found.id if found else self._known.id, digest="", **begun)
        self._ensure_addresses()
        self._ensure_volumes()
        self._set_secrets()
        self.connection.deployer.prepare(self.app, stop=self.stop)

    def _ensure_addresses(self) -> None:
        if not self.app.addresses:
            return
        present = self.api.addresses(self.app.name) if self._before.exists else ()
        recorded = resolve_pending(self._known.addresses, present)
        if recorded != self._known.addresses:
            self._record(addresses=recorded)
        for kind in missing_addresses(self.app, present):
            before = self._known.addresses
            network = self._known.network if kind == "private_v6" else ""
            # Recorded as ours before Fly knows of it: its answer may be lost.
            self._record(addresses=(*before, kind))
            try:
                ip = self.api.allocate_address(self.app.name, kind, self.run.settings.org, network)
            except RefusedError:
                self._record(addresses=before)
                raise
            self._record(addresses=tuple(dict.fromkeys((*before, ip))))

    def _plan_volumes(self) -> None:
        """Compare the volumes; what becomes of data is said before anything is changed."""
        self._volumes = plan_volumes(self.api, self.app, self._before.machines, exists=self._before.exists)
        for warning in volume_warnings(self.app, self._volumes):
            self._warn(warning)

    def _ensure_volumes(self) -> None:
        """Makes missing volumes, one a Machine, and extends small ones. Machines go where their volumes are."""
        changes, app = self._volumes, self.app
        if not app.region and (app.volumes or changes.detach):
            self.app = replace(app, region=changes.region or self.api.regions().nearest)
        for volume, size_gb in changes.extend:
            self.api.extend_volume(app.name, volume.id, size_gb)
        for volume, settings in changes.update:
            self.api.update_volume(app.name, volume.id, settings)
        for claim, code in changes.create:
            settings = creation_settings(app, claim)
            self.api.create_volume(app.name, claim.name, code or self.app.region, claim.size_gb, settings)

    def _set_secrets(self) -> None:
        """One call for all. State knows them as ours before Fly does: an interrupted run sets them again."""
        plan, app, fingerprints = self._before.secrets, self.app, self._before.fingerprints
        if not plan.to_set:
            return
        pending = {name: SecretState(fingerprint="", digest="") for name in plan.to_set}
        self._record(secrets={**self._known.secrets, **pending})
        digests = self.api.update_secrets(app.name, {name: str(app.secrets[name].value) for name in plan.to_set})
        now = {name: SecretState(fingerprints[name], digests.get(name, "")) for name in plan.to_set}
        self._record(secrets={**self._known.secrets, **now})

    def _forget_digest(self) -> None:
        """A deploy that fails half-way must not leave Machines that claim to run what they no longer do.

        State has forgotten it already: it is believed where the listing of the organization, which may be late, agrees.
        """
        for machine in self._before.machines:
            if METADATA_KEY in machine.metadata:
                self.api.delete_metadata(self.app.name, machine.id, METADATA_KEY)

    def _report_leases(self) -> None:
        """Say who keeps flyctl waiting. Machines of a finished deploy have a digest, and are not asked about."""
        for machine in self._before.machines:
            lease = None if METADATA_KEY in machine.metadata else self.api.lease(self.app.name, machine.id)
            if lease is not None and (seconds := lease.expires - time.time()) > 0:
                until = time.strftime("%H:%M:%S UTC", time.gmtime(lease.expires))
                self.run.progress.step(
                    f"{self.app.name}: waiting up to {seconds:.0f} s for the lease of Machine {machine.id}, held by "
                    f"{lease.owner or 'an unknown client'} until {until}. An interrupted deploy leaves such a lease"
                )

    def _remove_outdated_machines(self) -> None:
        """Destroy Machines that flyctl would not make what they should be: it makes new ones in their place."""
        for machine, why in self._outdated_machines():
            self.run.progress.app(self.app.name, f"replacing Machine {machine.id}, which {why}")
            self.api.delete_machine(self.app.name, machine.id)

    def _outdated_machines(self) -> Iterator[tuple[MachineView, str]]:
        """flyctl takes no volume from a Machine, and leaves it the containers and the schedule that it has.

        A standby would get a volume of its own, and where no other Machine is left, flyctl makes none.
        """
        detached = {volume.machine for volume in self._volumes.detach}
        left = []
        for machine in app_machines(self._before.machines):
            kept = [
                key for key in ("containers", "schedule") if machine.config.get(key) and key not in self.app.machine
            ]
            if machine.id in detached:
                yield machine, "has another volume"
            elif kept:
                yield machine, "has a schedule" if "schedule" in kept else "has containers"
            elif is_standby(machine) and self.app.volumes:
                yield machine, "is a standby, and has no volume"
            else:
                left.append(machine)
        for machine in lone_standbys(left):
            yield machine, "is a standby without its Machine"

    def _move_to_region(self, machines: tuple[MachineView, ...]) -> tuple[MachineView, ...]:
        """Move Machines whose app has another region now."""
        app, misplaced = self.app, misplaced_machines(self.app, machines)
        if not misplaced:
            return machines
        regions = ", ".join(sorted({machine.region for machine in misplaced}))
        self.run.progress.app(app.name, f"moving from {regions} to {app.region}")
        MachineMove(self.api, self.run.progress, app, self.run.settings.wait_timeout, self.stop).move(misplaced)
        return self.api.machines(app.name)

    def _scale(self, census: Census, machines: Sequence[MachineView]) -> tuple[str, ...]:
        """Bring the Machines to their stated number; return the ids of volumes that are still to be removed."""
        app, settings = self.app, self.run.settings

        def keep_note(volumes: tuple[str, ...]) -> None:
            record = unpack(self._known.record) or Record()
            self._record(record=pack(replace(record, removing=volumes)))

        scaling = MachineScaling(
            self.api,
            self.run.progress,
            app,
            settings.wait_timeout,
            self.stop,
            marks(settings, self.run.state, app.owner),
            keep_note,
            app.owner in settings.replace,
        )
        return scaling.scale(census, app_machines(machines), self._before.unused_volumes)

    def _remove_secrets(self) -> None:
        to_remove = self._before.secrets.to_remove
        if to_remove and not self.run.settings.dry_run:
            remove_secrets(self.api, self.run.keeper, self.app.name, to_remove)

    def _mark(self, machines: Sequence[MachineView]) -> None:
        """Writes on Machines whose they are, where they do not say so."""
        desired = marks(self.run.settings, self.run.state, self.app.owner)
        for machine in app_machines(machines):
            for key, value in desired.items():
                if machine.metadata.get(key) != value:
                    self.api.set_metadata(self.app.name, machine.id, key, value)

    def _remember_unchanged(self) -> None:
        """State may have missed the end of the run that deployed this."""
        machines = self._before.machines
        changes = self._wanted(machines)
        if self._known.digest != changes["digest"]:
            changes["record"] = self._record_of(machines)
        else:
            self._warn_of_shortage(machines)
        self.run.keeper.change(lambda state: state.with_app(replace(known_app(state, self.app), **changes)))

    def _record_of(self, machines: Sequence[MachineView], unused_volumes: tuple[str, ...] = ()) -> str:
        app, count = self.app, self._warn_of_shortage(machines)
        secrets = self.target.artefact.secrets if self.target else tuple(sorted(app.secrets))
        built = summarised(self._before.built)
        facts = facts_of(machines)
        record = unpack(self._known.record) or Record()
        image = self._image or record.image
        texts, files = artefact_texts(app), file_digests(app)
        build, counts = record.build, app.counts
        return pack(Record(texts, files, facts, secrets, count, built, unused_volumes, image, build, counts))

    def _warn_of_shortage(self, machines: Sequence[MachineView]) -> int:
        """Returns how many Machines there should be: as many as after the last deploy, and `force` forgets that."""
        record = unpack(self._known.record)
        now, last = len(app_machines(machines)), record.machines if record else 0
        if self.run.settings.force or last <= now or self.app.counts:
            return now
        hint = f"`fly scale count {last} -a {self.app.name}` makes them; deploy with force to keep {now}"
        self._warn(Problem(f"{self.app.name} has {now} Machines, and had {last}", hint, severity="warning"))
        return last

    def _warn(self, problem: Problem) -> None:
        self.run.progress.problem(problem)
        self.warnings += (problem,)

    def _report(self, status: Status, machines: Sequence[MachineView] = ()) -> AppReport:
        """Report what Fly says of the Machines, where there are any, and else what is desired."""
        secrets = self._before.secrets
        report = replace(app_report(self.run.settings, self.app), status=status)
        before = self._before
        cost = app_cost(
            self.app,
            self.run.settings.ha,
            before.machines,
            unchanged=status == "unchanged",
            exists=before.exists,
            nearest=next((each.region for each in machines), ""),
        )
        report = replace(report, secrets_set=secrets.to_set, secrets_removed=secrets.to_remove, cost=cost)
        return report.with_machines(app_machines(machines))
