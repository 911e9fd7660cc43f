"""Prepares an app's Machines for being replaced by flyctl: digests, leases, and Machines that it would not change."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from scorefly.deployment.digest import METADATA_KEY
from scorefly.deployment.fly_run import FlyRun
from scorefly.deployment.inspection import VolumeChanges
from scorefly.deployment.machine_counts import app_machines, is_standby, lone_standbys
from scorefly.fly.api.machines import MachineView
from scorefly.fly.app import App


def forget_digest(run: FlyRun, app: App, machines: Sequence[MachineView]) -> None:
    """Remove the digest from the Machines: after a deploy that fails half-way it would be wrong.

    State has forgotten it already: it is believed where the listing of the organization, which may be late, agrees.
    """
    for machine in machines:
        if METADATA_KEY in machine.metadata:
            run.api.delete_metadata(app.name, machine.id, METADATA_KEY)


def report_leases(run: FlyRun, app: App, machines: Sequence[MachineView]) -> None:
    """Report who keeps flyctl waiting. Machines of a finished deploy have a digest, and are not asked about."""
    for machine in machines:
        lease = None if METADATA_KEY in machine.metadata else run.api.lease(app.name, machine.id)
        if lease is not None and (seconds := lease.expires - time.time()) > 0:
            until = time.strftime("%H:%M:%S UTC", time.gmtime(lease.expires))
            run.progress.step(
                f"{app.name}: waiting up to {seconds:.0f} s for the lease of Machine {machine.id}, held by "
                f"{lease.owner or 'an unknown client'} until {until}. An interrupted deploy leaves such a lease"
            )


def remove_outdated_machines(run: FlyRun, app: App, machines: Sequence[MachineView], volumes: VolumeChanges) -> None:
    """Destroy Machines that flyctl would not make what they should be: it makes new ones in their place."""
    for machine, why in _outdated_machines(app, machines, volumes):
        run.progress.app(app.name, f"replacing Machine {machine.id}, which {why}")
        run.api.delete_machine(app.name, machine.id)


def _outdated_machines(
    app: App, machines: Sequence[MachineView], volumes: VolumeChanges
) -> Iterator[tuple[MachineView, str]]:
    """Yield Machines to destroy, and why.

    flyctl takes no volume from a Machine, and leaves it the containers and the schedule that it has. A standby would
    get a volume of its own, and where no other Machine is left, flyctl makes none.
    """
    detached = {volume.machine for volume in volumes.detach}
    left = []
    for machine in app_machines(machines):
        kept = [key for key in ("containers", "schedule") if machine.config.get(key) and key not in app.machine]
        if machine.id in detached:
            yield machine, "has another volume"
        elif kept:
            yield machine, "has a schedule" if "schedule" in kept else "has containers"
        elif is_standby(machine) and app.volumes:
            yield machine, "is a standby, and has no volume"
        else:
            left.append(machine)
    for machine in lone_standbys(left):
        yield machine, "is a standby without its Machine"
