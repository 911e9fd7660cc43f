"""Collects what explains a failed deploy: how Machines ended, the last lines of the log, what still runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from scorefly.deployment.machine_counts import app_machines
from scorefly.fly.api import FlyApi
from scorefly.fly.api.machines import MachineView
from scorefly.problems import ExternalError, shortened
from scorefly.report.failure import FailureDetails

MAX_LINES = 10
MAX_LENGTH = 300  # characters of a line
MAX_EXITS = 3


def collect_failure(api: FlyApi, app: str, output: Sequence[str]) -> FailureDetails:
    """Return what Fly says about a failed app. Where it does not answer, only the deploy's own output is known."""
    exits: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    running = ""
    try:
        machines = api.find_machines(app) or ()
        exits = tuple(_exits(machines))[:MAX_EXITS]
        running = _running(app_machines(machines))
        lines, _ = api.log(app)
        log = tuple(shortened(line.message, MAX_LENGTH) for line in lines[-MAX_LINES:])
    except ExternalError:
        pass  # the failure itself is reported
    shown = tuple(shortened(line, MAX_LENGTH) for line in output[-MAX_LINES:])
    return FailureDetails(exits, log, shown, running, f"https://fly.io/apps/{app}/monitoring")


def _exits(machines: Sequence[MachineView]) -> Iterator[str]:
    """Yield how each Machine ended last, unless it was told to."""
    for machine in machines:
        event = next((each for each in machine.events if each.get("type") == "exit"), {})
        ended = (event.get("request") or {}).get("exit_event") or {}
        if not ended or ended.get("requested_stop"):
            continue
        memory = ", out of memory" if ended.get("oom_killed") else ""
        restarts = (event.get("request") or {}).get("restart_count")
        often = f", after {restarts} restarts" if restarts else ""
        at = f" at {ended['exited_at']}" if ended.get("exited_at") else ""
        yield f"Machine {machine.id} exited with {ended.get('exit_code', 'an unknown code')}{memory}{often}{at}"


def _running(machines: Sequence[MachineView]) -> str:
    counted = Counter((each.image, each.region) for each in machines if each.state == "started")
    return (
        ", ".join(f"{count} of {image} in {region}" for (image, region), count in sorted(counted.items())) or "nothing"
    )
