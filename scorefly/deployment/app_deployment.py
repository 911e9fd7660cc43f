"""Deploys one app: prepares it, replaces its Machines, records the result."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.deployment.app_images import AppImages
from scorefly.deployment.app_prerequisites import AppPrerequisites, create_app, ensure_addresses
from scorefly.deployment.app_records import (
    app_state,
    expected_machines,
    mark_machines,
    packed_record,
    release_state,
    save_app,
    score_file,
)
from scorefly.deployment.costs import app_cost
from scorefly.deployment.digest import METADATA_KEY
from scorefly.deployment.drift import drift_from_git, drift_problem
from scorefly.deployment.failures import MAX_LINES, collect_failure
from scorefly.deployment.fly_run import FlyRun
from scorefly.deployment.inspection import AppInspection, VolumeChanges, census_after, inspect_app, known_app
from scorefly.deployment.machine_counts import app_machines
from scorefly.deployment.machine_move import move_to_region
from scorefly.deployment.machine_repair import MachineRepair
from scorefly.deployment.machine_replacement import forget_digest, remove_outdated_machines, report_leases
from scorefly.deployment.machine_scaling import MachineScaling
from scorefly.deployment.newest_commit import rollback_notice
from scorefly.deployment.releases import RollbackTarget, artefact_key, timestamp
from scorefly.deployment.scaling_checks import check_scaling, removal_warnings
from scorefly.deployment.secrets import remove_secrets
from scorefly.deployment.volumes import plan_volumes, volume_warnings
from scorefly.desired.apps import app_report
from scorefly.desired.artefacts import artefact_folder, working_folder
from scorefly.desired.build_context import changed_files
from scorefly.fly.api.machines import MachineView
from scorefly.fly.app import App
from scorefly.problems import Problem, ScoreflyError
from scorefly.report.report import AppReport, Status
from scorefly.state.releases import Rollback
from scorefly.state.snapshot import unpack


class AppDeployment(Struct):
    """The deploy of one app, step by step. `listed` are its Machines in a listing, which may be late.

    `target` is the release that a rollback deploys.
    """

    run: FlyRun
    app: App
    listed: tuple[MachineView, ...]
    target: RollbackTarget | None = None
    seconds: float = 0.0
    warnings: tuple[Problem, ...] = ()
    drift: tuple[str, ...] = ()
    _volumes: VolumeChanges = field(default_factory=VolumeChanges)
    _before: AppInspection = field(default_factory=AppInspection)
    _image: str = ""  # what was deployed
    _others: dict[str, str] = field(default_factory=dict)  # images of further containers, as they were deployed
    _output: deque[str] | None = None  # the last lines of the deploy, once it has begun

    def attempt(self, step: Callable[[], AppReport | None]) -> AppReport | None:
        """Take a step. A report ends the app's deploy. A failure is shown and reported, not raised."""
        started = time.monotonic()
        try:
            report = step()
        except ScoreflyError as error:
            problems = [self._placed(each) for each in error.problems]
            for problem in problems:
                self.run.progress.problem(problem)
            report = self.not_deployed("failed", problems[0])
            if self._output is not None and not self.run.stop.is_set():
                failure = collect_failure(self.run.api, self.app.name, tuple(self._output))
                # A simulated app has no page at Fly.
                failure = replace(failure, dashboard="") if self.run.settings.rehearse else failure
                report = replace(report, failure=failure)
        self.seconds += time.monotonic() - started
        return report and replace(report, seconds=round(self.seconds, 1))

    def _placed(self, problem: Problem) -> Problem:
        """Return the problem at the Score file that the app comes from, where state knows it."""
        place = None if problem.place else score_file(self.run, self.app)
        return replace(problem, place=place, of_file=True) if place else problem

    def not_deployed(self, status: Status, problem: Problem) -> AppReport:
        """Report an app that was not deployed: it has a URL only where its earlier Machines run, which are ours."""
        report = replace(app_report(self.run.settings, self.app), status=status, problem=problem)
        return report if self._before.exists and self._before.machines else replace(report, url="")

    def prepare(self) -> AppReport | None:
        """Decide whether anything is to do. A new app gets all but its Machines at once: it is not in use yet."""
        if self.app.name in self.run.order.newer_apps or self.app.name in self.run.order.rolled_back:
            return replace(app_report(self.run.settings, self.app), status="unchanged")
        self._before = inspect_app(
            self.run.settings, self.run.state, self.run.api, self.app, self.listed, trusted=not self.run.settings.drift
        )
        if rollback := self._keeping_rollback():
            self._warn(rollback_notice(self.app.name, rollback))
            return self._report("unchanged", self._before.machines)
        if self._before.unseen:
            message = f"{self.app.name} was not checked: the Fly API token may not see it, and state has it unchanged"
            self._warn(Problem(message, severity="notice"))
            return self._report("unchanged")
        if self._before.up_to_date and not self._heal_drift():
            self._remove_secrets()
            allocated: tuple[str, ...] = ()
            if not self.run.settings.dry_run:
                self._others = self._images.kept_others()
                mark_machines(self.run, self.app, self._before.machines)
                if self.run.settings.config(self.app.workload).addresses is not None:
                    allocated = ensure_addresses(self.run, self.app, exists=True)
                self._remember_unchanged()
            return self._report("deployed" if allocated else "unchanged", self._before.machines)
        changes = check_scaling(self.run.settings, self.run.api, self.app, self._before)
        for warning in removal_warnings(self.app, changes.remove):
            self._warn(warning)
        if not self._before.repair_only:
            self._plan_volumes()
        if self.run.settings.dry_run:
            return self._report(self._done)
        if not self._before.exists:
            self.run.progress.app(self.app.name, "creating")
            create_app(self.run, self.app)
            self._ensure_prerequisites()
        return None

    def _heal_drift(self) -> bool:
        """Report what others changed about an app that is up to date; decide whether to deploy it again."""
        known = self.run.state.apps.get(self.app.name)
        heals = self.run.settings.drift == "heal"
        found = drift_from_git(known, self._before.machines) if known and self.run.settings.drift else ()
        if found:
            self._warn(drift_problem(self.app.name, found, heals=heals))
            self.drift = tuple(map(str, found))
            self._before = replace(self._before, up_to_date=not heals)
        return heals and bool(found)

    def replace_machines(self) -> None:
        """Replace the Machines, once everything that the app needs is there."""
        if self._before.repair_only:
            self._others = self._images.kept_others()
            scales = self._before.census.resizes
            self.run.progress.app(self.app.name, "changing the number of Machines" if scales else "repairing")
            return
        if self._before.exists:
            record = unpack(app_state(self.run, self.app).record)
            changed = changed_files(record.built, self._before.all_built) if record else ""
            self.run.progress.app(self.app.name, f"updating{f', because {changed} changed' if changed else ''}")
            self._ensure_prerequisites()
        artefact = self.run.settings.workspace / artefact_folder(self.run.settings, self.app.name)
        folder = working_folder(self.run.settings, self.app)
        with self.run.connection.slots:
            self._image, self._others = self._images.image(), self._images.others()
            machines = self._before.machines
            forget_digest(self.run, self.app, machines)
            remove_outdated_machines(self.run, self.app, machines, self._volumes)
            report_leases(self.run, self.app, machines)
            self.run.keeper.confirm_lock()
            with self._output_of("deploy") as output:
                app = replace(self.app.with_other_images(self._others), image=self._image)
                self.run.connection.deployer.deploy(app, artefact, folder, on_line=output, stop=self.run.stop)

    @contextmanager
    def _output_of(self, step: str) -> Iterator[Callable[[str], None]]:
        """Show another program's output, line by line, and remember its last lines."""
        last = self._output = deque(maxlen=MAX_LINES)
        with self.run.progress.output(f"{step} of {self.app.name}", self.app.name) as write:

            def output(line: str) -> None:
                last.append(line)
                write(line)

            yield output

    @property
    def _images(self) -> AppImages:
        return AppImages(self.run, self.app, self._before, self._output_of)

    def record_result(self) -> AppReport:
        """Record what runs now, and remove secrets that nothing uses any longer.

        Machines are marked as ours first, and get the digest of the desired app last.
        """
        app = self.app
        machines = move_to_region(self.run, app, self.run.api.machines(app.name))
        census = census_after(self.run.settings, app, machines, self._before)
        if not app_machines(machines):
            hint = f"look at what flyctl said, and at `fly status -a {app.name}`"
            self._warn(Problem(f"{app.name} has no Machine after its deploy", hint, severity="warning"))
        elif MachineRepair(self.run, app).repair(census, machines):
            machines = self.run.api.machines(app.name)
        unused_volumes: tuple[str, ...] = ()
        if census.resizes or self._before.unused_volumes:
            scaling = MachineScaling(self.run, app)
            unused_volumes = scaling.scale(census, app_machines(machines), self._before.unused_volumes)
            machines = self.run.api.machines(app.name)
        mark_machines(self.run, app, machines)
        for machine in app_machines(machines):
            if machine.metadata.get(METADATA_KEY) != self._before.digest:
                self.run.api.set_metadata(app.name, machine.id, METADATA_KEY, self._before.digest)
        changes = {"deployed_at": timestamp(), "record": self._packed_record(machines, unused_volumes)}
        save_app(self.run, app, **self._release_state(machines), **changes)
        self._remove_secrets()
        return self._report(self._done, machines)

    @property
    def _done(self) -> Status:
        return "deployed" if self._before.exists else "created"

    def _ensure_prerequisites(self) -> None:
        prerequisites = AppPrerequisites(self.run, self.app, self._before, self._volumes, self.target)
        try:
            prerequisites.ensure()
        finally:
            self.app = prerequisites.app  # with the region of its volumes

    def _release_state(self, machines: Sequence[MachineView]) -> dict[str, Any]:
        before = self._before
        files, others = before.all_built, self._others
        return release_state(self.run, self.app, before.digest, files, machines, self.target, others)

    def _packed_record(self, machines: Sequence[MachineView], unused_volumes: tuple[str, ...] = ()) -> str:
        return packed_record(
            self.run,
            self.app,
            machines,
            count=self._warn_of_shortage(machines),
            files=self._before.all_built,
            image=self._image,
            others=self._others,
            target=self.target,
            unused_volumes=unused_volumes,
        )

    def _warn_of_shortage(self, machines: Sequence[MachineView]) -> int:
        """Warn where fewer Machines run than there should be. Return how many there should be."""
        count, warning = expected_machines(self.run, self.app, machines)
        if warning:
            self._warn(warning)
        return count

    def _keeping_rollback(self) -> Rollback | None:
        """Return the rollback that keeps this run from deploying the app."""
        if self.target:
            return None
        known, built = self.run.state.apps.get(self.app.name), self._before.all_built
        return self.run.order.keeps(known, lambda: artefact_key(self.app, built), force=self.run.settings.force)

    def _plan_volumes(self) -> None:
        """Compare the volumes; warnings about data are shown before anything is changed."""
        self._volumes = plan_volumes(self.run.api, self.app, self._before.machines, exists=self._before.exists)
        for warning in volume_warnings(self.app, self._volumes):
            self._warn(warning)

    def _remove_secrets(self) -> None:
        to_remove = self._before.secrets.to_remove
        if to_remove and not self.run.settings.dry_run:
            remove_secrets(self.run.api, self.run.keeper, self.app.name, to_remove)

    def _remember_unchanged(self) -> None:
        """Record an app that is up to date: state may have missed the end of the run that deployed it."""
        machines = self._before.machines
        changes = self._release_state(machines)
        if app_state(self.run, self.app).digest != changes["digest"]:
            changes["record"] = self._packed_record(machines)
        else:
            self._warn_of_shortage(machines)
        self.run.keeper.change(lambda state: state.with_app(replace(known_app(state, self.app), **changes)))

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
        report = replace(report, drift=self.drift)
        return report.with_machines(app_machines(machines))
