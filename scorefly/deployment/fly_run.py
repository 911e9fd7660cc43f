"""A run that is connected to Fly, and deploys apps there."""

from __future__ import annotations

import threading
from collections.abc import Callable

from msgspec import field

from scorefly.deployment.connection import Connection
from scorefly.deployment.image_builds import ImageBuilds
from scorefly.deployment.newest_commit import CommitOrder
from scorefly.fly.api import FlyApi
from scorefly.fly.api.machines import MachineView
from scorefly.fly.health import wait_until_healthy
from scorefly.run import Run


class FlyRun(Run, frozen=True, kw_only=True):
    """Everything that the deploys of a run's apps have in common. A set `stop` ends all of them early.

    `network` is the private network that new apps join; empty for the organization's default network.
    """

    connection: Connection
    builds: ImageBuilds
    order: CommitOrder = field(default_factory=CommitOrder)
    network: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def api(self) -> FlyApi:
        """The client of Fly's API."""
        return self.connection.api

    def wait_until_healthy(self, machine: MachineView, on_line: Callable[[str], None]) -> None:
        """Wait for a Machine to become healthy, as long as `wait-timeout` allows. Raises ExternalError."""
        wait_until_healthy(self.api, machine, self.settings.wait_timeout, on_line=on_line, stop=self.stop)


def connected(run: Run, connection: Connection, order: CommitOrder | None = None, network: str = "") -> FlyRun:
    """Return the run with its connection to Fly, ready to deploy."""
    return FlyRun(
        run.settings,
        run.keeper,
        run.progress,
        connection=connection,
        builds=ImageBuilds(run.settings),
        order=order or CommitOrder(),
        network=network,
    )
