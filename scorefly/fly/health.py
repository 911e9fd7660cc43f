"""Waits for a Machine to start and for its health checks to pass."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from scorefly.fly.api import FlyApi
from scorefly.fly.api.machines import MachineView
from scorefly.problems import ExternalError, external_error

POLL = 0.2  # seconds
_MAX_POLL = 2.0
_UP = ("started", "starting", "stopping", "suspending")


def logs_hint(app: str) -> str:
    """Say where the log of an app is."""
    return f"run `fly logs -a {app}`, or see https://fly.io/apps/{app}/monitoring"


def wait_until_down(
    api: FlyApi, machine: MachineView, timeout: float, *, stop: threading.Event, poll: float = POLL
) -> None:
    """Wait until a Machine that was told to stop has ended, or `timeout` seconds at most."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        now = api.machine(machine.app, machine.id)
        if now.state not in _UP or stop.wait(poll):
            return
        poll = min(poll * 2, _MAX_POLL)


def wait_until_healthy(
    api: FlyApi,
    machine: MachineView,
    timeout: float,
    *,
    on_line: Callable[[str], None],
    stop: threading.Event,
    poll: float = POLL,
) -> None:
    """Wait `timeout` seconds at most. Raises ExternalError when the Machine crashes, or is not healthy by then."""
    deadline = time.monotonic() + timeout
    if not api.wait_machine(machine.app, machine.id, "started", int(timeout)):
        _refuse_crash(api.machine(machine.app, machine.id))
        raise external_error(
            f"Machine {machine.id} of {machine.app} did not start in {timeout:.0f} s",
            logs_hint(machine.app),
        )
    while True:
        now = api.machine(machine.app, machine.id)
        _refuse_crash(now)
        waiting = [check for check in now.checks if check.status != "passing"]
        if not waiting:
            on_line(f"Machine {machine.id} is healthy")
            return
        if time.monotonic() >= deadline or stop.wait(poll):
            raise _unhealthy(now, timeout, [f"{check.name} is {check.status}: {check.output}" for check in waiting])


def _unhealthy(machine: MachineView, timeout: float, checks: Sequence[str]) -> ExternalError:
    late = f"Machine {machine.id} of {machine.app} was not healthy within {timeout:.0f} s"
    return external_error(
        f"{late}: {'; '.join(checks)}",
        f"{logs_hint(machine.app)}, or give it more time with wait-timeout",
    )


def _refuse_crash(machine: MachineView) -> None:
    if machine.crashed and machine.events[0].get("type") == "exit":
        raise external_error(
            f"{machine.app} keeps crashing: its Machine {machine.id} exits with {machine.crashed}",
            logs_hint(machine.app),
        )
