"""Moves the Machines of an app to another region, which flyctl does not: it updates Machines where they are."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from scorefly.deployment.fly_run import FlyRun
from scorefly.deployment.machine_counts import is_standby
from scorefly.deployment.volumes import misplaced_machines
from scorefly.fly.api.machines import MachineView
from scorefly.fly.app import App
from scorefly.fly.machine_config import standby_config


def move_to_region(run: FlyRun, app: App, machines: tuple[MachineView, ...]) -> tuple[MachineView, ...]:
    """Move the Machines of an app that has another region now; return its Machines. Raises ExternalError."""
    misplaced = misplaced_machines(app, machines)
    if not misplaced:
        return machines
    regions = ", ".join(sorted({machine.region for machine in misplaced}))
    run.progress.app(app.name, f"moving from {regions} to {app.region}")
    MachineMove(run, app).move(misplaced)
    return run.api.machines(app.name)


class MachineMove(Struct, frozen=True):
    """Moves Machines without a volume: each is created in the new region first, then the old ones are destroyed."""

    run: FlyRun
    app: App

    def move(self, machines: Sequence[MachineView]) -> None:
        """Move Machines; standbys follow the Machines that they stand by for. Raises ExternalError."""
        app = self.app
        moved: dict[str, str] = {}
        with self.run.progress.output(f"move of {app.name}", app.name) as output:
            for machine in sorted(machines, key=is_standby):
                config = dict(machine.config)
                if is_standby(machine):
                    config = standby_config(config, [moved.get(each, each) for each in config["standbys"]])
                new = self.run.api.create_machine(app.name, config, app.region, launch=not is_standby(machine))
                if not is_standby(machine):
                    self.run.wait_until_healthy(new, output)
                moved[machine.id] = new.id
        for machine in machines:
            self.run.api.delete_machine(app.name, machine.id)
