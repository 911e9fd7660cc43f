"""Brings an app's Machines to the number that is stated for each process group and region, with their volumes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.deployment.app_records import last_record, save_app
from scorefly.deployment.digest import METADATA_KEY
from scorefly.deployment.fly_run import FlyRun
from scorefly.deployment.machine_counts import Census, Placement, group_of, is_standby
from scorefly.deployment.ownership import marks
from scorefly.deployment.volumes import creation_settings, refuse_last_copies, volumes_to_remove
from scorefly.durations import parse_duration
from scorefly.fly.api.errors import RefusedError
from scorefly.fly.api.machines import MachineView
from scorefly.fly.api.volumes import VolumeView
from scorefly.fly.app import App
from scorefly.fly.health import wait_until_down
from scorefly.fly.machine_config import STANDBY_VARIABLE
from scorefly.problems import Problem, external_error
from scorefly.state.snapshot import pack

BATCH = 3  # Machines created before their health is waited for: the Machines API takes so many calls at once
_FULL = re.compile("insufficient|could not reserve")
_KILL_TIMEOUT = "5s"  # Fly's own
_MAX_GRACE = 300.0  # seconds, the longest kill_timeout that Fly takes


class MachineScaling(Struct):
    """Creates Machines like those of the app, each with a volume of its own, then removes what is too much.

    The ids of volumes are noted before they are removed, so that an interrupted run does not leave them.
    """

    run: FlyRun
    app: App
    _free: list[VolumeView] = field(default_factory=list)

    def scale(self, census: Census, machines: Sequence[MachineView], unused: Sequence[str] = ()) -> tuple[str, ...]:
        """Create, wait until all are healthy, remove. Return ids of volumes that Fly does not remove yet.

        `unused` are the ids of volumes that an earlier run wanted to remove. Raises ExternalError.
        """
        app = self.app
        volumes = self.run.api.volumes(app.name) if app.volumes or unused else ()
        leaving = volumes_to_remove(app, census, volumes, unused)
        refuse_last_copies(app, leaving, volumes, allowed=app.owner in self.run.settings.replace)
        self._free = [each for each in volumes if not each.machine]
        for start in range(0, len(census.create), BATCH):
            created = [self._create(each, census, machines) for each in census.create[start : start + BATCH]]
            for machine in created:
                self._wait(machine)
        reused = {each.id for each in volumes if not each.machine} - {each.id for each in self._free}
        leaving = tuple(each for each in leaving if each.id not in reused)
        if leaving:
            record = replace(last_record(self.run, app), removing=tuple(each.id for each in leaving))
            save_app(self.run, app, record=pack(record))
        self._remove(census.remove)
        return tuple(each.id for each in leaving if not self._delete_volume(each))

    def _create(self, placement: Placement, census: Census, machines: Sequence[MachineView]) -> MachineView:
        model = self._model(placement, census, machines)
        region = placement.region or model.region
        self.run.progress.app(self.app.name, f"creating a Machine in {region}, like {model.id}")
        config = dict(model.config)
        config.pop("standbys", None)
        config["env"] = {key: value for key, value in (config.get("env") or {}).items() if key != STANDBY_VARIABLE}
        metadata = {key: value for key, value in (config.get("metadata") or {}).items() if key != METADATA_KEY}
        config["metadata"] = {**metadata, **marks(self.run.settings, self.run.state, self.app.owner)}
        if mounts := config.get("mounts"):
            config["mounts"] = [self._mount(each, region) for each in mounts]
        try:
            return self.run.api.create_machine(self.app.name, config, region)
        except RefusedError as error:
            message = error.problems[0].message
            if not _FULL.search(message):
                raise
            hint = "deploy again later, or state another region, fewer Machines or a smaller size"
            raise external_error(
                f"{self.app.name}: Fly has no room for a Machine in {region}: {message}", hint
            ) from error

    def _model(self, placement: Placement, census: Census, machines: Sequence[MachineView]) -> MachineView:
        """Return a Machine to copy: of the same process group, of those that stay, and of the same region, if any."""
        leaving = {each.id for each in census.remove}
        models = [each for each in machines if group_of(each) == placement.group and not is_standby(each)]
        models.sort(key=lambda each: (each.id in leaving, each.region != placement.region, each.created))
        if not models:
            raise external_error(
                f"{self.app.name} has no Machine in process group {placement.group!r} after its deploy",
                "deploy again with force, and check the output of flyctl",
            )
        return models[0]

    def _mount(self, mount: Mapping[str, Any], region: str) -> dict[str, Any]:
        """Return a mount of a volume of the same name in a region: one that no Machine has, else a new one."""
        volume = next((each for each in self._free if (each.name, each.region) == (mount.get("name"), region)), None)
        if volume is not None:
            self._free.remove(volume)
        else:
            claim = next(each for each in self.app.volumes if each.name == mount.get("name"))
            settings = creation_settings(self.app, claim)
            volume = self.run.api.create_volume(self.app.name, claim.name, region, claim.size_gb, settings)
        of_the_volume = ("volume", "size_gb", "encrypted")
        return {**{key: value for key, value in mount.items() if key not in of_the_volume}, "volume": volume.id}

    def _wait(self, machine: MachineView) -> None:
        with self.run.progress.output(f"Machine {machine.id} of {self.app.name}", self.app.name) as output:
            self.run.wait_until_healthy(machine, output)

    def _remove(self, machines: Sequence[MachineView]) -> None:
        """Stop Machines, so that they can finish what they are at, and destroy them."""
        running = [each for each in machines if each.state == "started"]
        for machine in running:
            self.run.api.stop_machine(self.app.name, machine.id)
        for machine in machines:
            self.run.progress.app(self.app.name, f"removing Machine {machine.id} in {machine.region}")
            if machine in running:
                wait_until_down(self.run.api, machine, _grace(machine), stop=self.run.stop)
            self.run.api.delete_machine(self.app.name, machine.id)

    def _delete_volume(self, volume: VolumeView) -> bool:
        """Remove a volume. Return whether it is gone; where Fly refuses, the next deploy tries again."""
        self.run.progress.app(self.app.name, f"removing volume {volume.name} ({volume.id}) in {volume.region}")
        try:
            self.run.api.delete_volume(self.app.name, volume.id)
        except RefusedError as error:
            hint = f"deploy again, or run fly volumes destroy {volume.id} -a {self.app.name}"
            message = f"{self.app.name}: volume {volume.id} cannot be removed yet: {error.problems[0].message}"
            self.run.progress.problem(Problem(message, hint, severity="warning"))
            return False
        return True


def _grace(machine: MachineView) -> float:
    """Return the seconds that a Machine's program has to end, with some more for Fly."""
    timeout = parse_duration((machine.config.get("stop_config") or {}).get("timeout") or _KILL_TIMEOUT)
    return min(timeout or 0.0, _MAX_GRACE) + 5.0
