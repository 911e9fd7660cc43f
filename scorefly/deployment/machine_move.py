"""Moves the Machines of an app to another region, which flyctl does not: it updates Machines where they are."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from msgspec import Struct

from scorefly.deployment.machine_counts import is_standby
from scorefly.fly.api import FlyApi
from scorefly.fly.api.machines import MachineView
from scorefly.fly.app import App
from scorefly.fly.health import wait_until_healthy
from scorefly.fly.machine_config import standby_config
from scorefly.report.progress import Progress


class MachineMove(Struct, frozen=True):
    """Moves Machines without a volume: each is created in the new region first, then the old ones are destroyed.

    `timeout` is how long one may take to become healthy, in seconds.
    """

    api: FlyApi
    progress: Progress
    app: App
    timeout: float
    stop: threading.Event

    def move(self, machines: Sequence[MachineView]) -> None:
        """Move Machines; standbys follow the Machines that they stand by for. Raises OutsideError."""
        app = self.app
        moved: dict[str, str] = {}
        with self.progress.output(f"move of {app.name}", app.name) as output:
            for machine in sorted(machines, key=is_standby):
                config = dict(machine.config)
                if is_standby(machine):
                    config = standby_config(config, [moved.get(each, each) for each in config["standbys"]])
                new = self.api.create_machine(app.name, config, app.region, launch=not is_standby(machine))
                if not is_standby(machine):
                    wait_until_healthy(self.api, new, self.timeout, on_line=output, stop=self.stop)
                moved[machine.id] = new.id
        for machine in machines:
            self.api.delete_machine(app.name, machine.id)
