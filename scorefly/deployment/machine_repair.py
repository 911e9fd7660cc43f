"""Makes an app's Machines as many as it needs after a deploy, and starts those that must run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from scorefly.deployment.digest import METADATA_KEY
from scorefly.deployment.fly_run import FlyRun
from scorefly.deployment.machine_counts import Census, group_of, is_standby
from scorefly.fly.api.machines import MachineView
from scorefly.fly.app import App
from scorefly.fly.machine_config import standby_config
from scorefly.problems import external_error


class MachineRepair(Struct, frozen=True):
    """Makes the Machines of one app complete after a deploy."""

    run: FlyRun
    app: App

    def repair(self, census: Census, machines: Sequence[MachineView]) -> bool:
        """Remove what is too much, start what is stopped, make what is missing. Raises ExternalError.

        Returns whether that changed anything. Stated numbers of Machines are left to `MachineScaling`.
        """
        for machine in census.surplus:
            self.run.progress.app(self.app.name, f"removing Machine {machine.id}, left over from another run")
            self.run.api.delete_machine(self.app.name, machine.id)
        removed, stopped = {each.id for each in census.surplus}, {each.id for each in census.stopped}
        removed |= {each.id for each in census.remove}
        kept = [each for each in machines if each.id not in removed]
        crashed = [each for each in kept if each.state == "stopped" and each.crashed and not is_standby(each)]
        self._start([*census.stopped, *(each for each in crashed if each.id not in stopped)])
        for group in census.missing:
            self._restore(self._model(kept, group))
        for group in census.missing_standbys:
            model = self._model(kept, group)
            self.run.progress.app(self.app.name, f"creating a standby for Machine {model.id}")
            config = standby_config(_plain(model.config), [model.id])
            self.run.api.create_machine(self.app.name, config, model.region, launch=False)
        return bool(crashed or census.surplus or census.stopped or census.missing or census.missing_standbys)

    def _start(self, machines: Sequence[MachineView]) -> None:
        for machine in machines:
            why = "had crashed" if machine.crashed else f"was {machine.state}"
            self.run.progress.app(self.app.name, f"starting Machine {machine.id}, which {why}")
            self.run.api.start_machine(self.app.name, machine.id)
        for machine in machines:
            self._wait(machine)

    def _restore(self, model: MachineView) -> None:
        self.run.progress.app(self.app.name, f"creating a Machine like {model.id}, because one is missing")
        self._wait(self.run.api.create_machine(self.app.name, _plain(model.config), model.region))

    def _wait(self, machine: MachineView) -> None:
        with self.run.progress.output(f"Machine {machine.id} of {self.app.name}", self.app.name) as output:
            self.run.wait_until_healthy(machine, output)

    def _model(self, machines: Sequence[MachineView], group: str) -> MachineView:
        for machine in machines:
            if group_of(machine) == group and not is_standby(machine):
                return machine
        raise external_error(
            f"{self.app.name} has no Machine in process group {group!r} after its deploy",
            "run it again with `force`, and look at what flyctl says",
        )


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration for another Machine, which is not said to be as desired before it is.

    Where Machines are to have a volume, each has one from the first deploy on: none is made like another.
    """
    metadata = {key: value for key, value in (config.get("metadata") or {}).items() if key != METADATA_KEY}
    return {**{key: value for key, value in config.items() if key not in ("standbys", "mounts")}, "metadata": metadata}
