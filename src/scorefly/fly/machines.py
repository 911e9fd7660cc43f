"""A plain rolling deploy over the REST API: what rehearsals use, where there is no flyctl to wrap."""

from __future__ import annotations

import hashlib
import shlex
import threading
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorefly.confined import is_file, read_file
from scorefly.fly.api import FlyApi, MachineView
from scorefly.fly.app import App
from scorefly.fly.machine_config import MAX_FILE_BYTES, machine_config, release_config
from scorefly.fly.mounts import attach_volumes, check_mounts
from scorefly.problems import OutsideError, Place, failed


@dataclass(frozen=True, slots=True)
class MachinesDeployer:
    """Creates Machines or updates them one after the other, waiting for each to be healthy. Times are seconds."""

    api: FlyApi
    wait_timeout: float = 300.0
    ha: bool | None = None
    poll: float = 0.2

    def check(self) -> None:
        """It needs nothing but the API."""

    def prepare(self, app: App, *, stop: threading.Event) -> None:
        """It reads secrets when it deploys."""

    def deploy(
        self, app: App, artefact: Path, folder: Path, *, on_line: Callable[[str], None], stop: threading.Event
    ) -> None:
        """Deploys what the artefact's fly.toml says. Raises OutsideError."""
        toml = tomllib.loads(_fly_toml(artefact).decode())
        image = self._image(app, artefact, folder)
        machines = self.api.machines(app.name)
        volumes = self.api.volumes(app.name) if toml.get("mounts") else ()
        check_mounts(toml, machines, volumes)
        self._run_release_command(app, release_config(toml, image, artefact, folder), on_line)
        taken: set[str] = set()
        for machine in machines:
            config = machine_config(toml, app.machine, image, artefact, folder, machine.config)
            mounted = attach_volumes(config, machine.config, volumes, machine.region, taken)
            if mounted is None:
                on_line(f"updating Machine {machine.id}")
                self._settle(self.api.update_machine(app.name, machine.id, config), on_line, stop)
                continue
            on_line(f"replacing Machine {machine.id}, which gets volume {mounted}")
            self.api.delete_machine(app.name, machine.id)
            self._settle(self.api.create_machine(app.name, config, machine.region), on_line, stop)
        for _ in range(self._count(toml) - len(machines)):
            config = machine_config(toml, app.machine, image, artefact, folder)
            attach_volumes(config, {}, volumes, app.region, taken)
            machine = self.api.create_machine(app.name, config, app.region)
            on_line(f"created Machine {machine.id} in {machine.region}")
            self._settle(machine, on_line, stop)

    def _run_release_command(self, app: App, config: Mapping[str, Any] | None, on_line: Callable[[str], None]) -> None:
        """Run the release command to its end in a temporary Machine."""
        if config is None:
            return
        on_line(f"running the release command of {app.name}")
        machine = self.api.create_machine(app.name, config, app.region)
        if not self.api.wait_machine(app.name, machine.id, "destroyed", int(self.wait_timeout)):
            raise failed(f"the release command of {app.name} did not end in {self.wait_timeout:.0f} s")
        if status := self.api.machine(app.name, machine.id).crashed:
            raise failed(
                f"release command failed{_command(config)}: it ended with exit status {status}",
                f"nothing was replaced; {_logs(app.name)}",
            )

    def launch(self, app: str, config: Mapping[str, Any], region: str, stop: threading.Event) -> MachineView:
        """Create a Machine and wait until it is healthy. Raises OutsideError."""
        machine = self.api.create_machine(app, config, region)
        self._settle(machine, lambda _line: None, stop)
        return machine

    def _count(self, toml: Mapping[str, Any]) -> int:
        """As flyctl: a spare Machine for what is public and has no volume, unless `ha` says otherwise."""
        serves = bool(toml.get("http_service") or toml.get("services"))
        return 2 if self.ha is not False and serves and not toml.get("mounts") else 1

    def _settle(self, machine: MachineView, on_line: Callable[[str], None], stop: threading.Event) -> None:
        deadline = time.monotonic() + self.wait_timeout
        if not self.api.wait_machine(machine.app, machine.id, "started", int(self.wait_timeout)):
            self._refuse_crash(self.api.machine(machine.app, machine.id))
            raise failed(f"Machine {machine.id} of {machine.app} did not start in {self.wait_timeout:.0f} s")
        while True:
            now = self.api.machine(machine.app, machine.id)
            self._refuse_crash(now)
            waiting = [check for check in now.checks if check.status != "passing"]
            if not waiting:
                on_line(f"Machine {machine.id} is healthy")
                return
            if time.monotonic() >= deadline or stop.wait(self.poll):
                raise self._unhealthy(now, [f"{check.name} is {check.status}: {check.output}" for check in waiting])

    def _unhealthy(self, machine: MachineView, checks: Sequence[str]) -> OutsideError:
        late = f"Machine {machine.id} of {machine.app} was not healthy within {self.wait_timeout:.0f} s"
        return failed(
            f"{late}: {'; '.join(checks)}",
            f"{_logs(machine.app)}, or give it more time with wait-timeout",
        )

    @staticmethod
    def _refuse_crash(machine: MachineView) -> None:
        if machine.crashed and machine.events[0].get("type") == "exit":
            raise failed(
                f"{machine.app} keeps crashing: its Machine {machine.id} exits with {machine.crashed}",
                _logs(machine.app),
            )

    @staticmethod
    def _image(app: App, artefact: Path, folder: Path) -> str:
        if isinstance(app.image, str):
            return app.image
        dockerfile = app.config.get("build", {}).get("dockerfile", app.image.dockerfile_in_context)
        if not is_file(folder, dockerfile):
            raise failed(f"failed to fetch an image or build from source: dockerfile '{dockerfile}' not found")
        digest = hashlib.sha256(f"{app.image}{_fly_toml(artefact).decode()}".encode()).hexdigest()[:12]
        return f"registry.fly.io/{app.name}:rehearsal-{digest}"


def _fly_toml(artefact: Path) -> bytes:
    return read_file(artefact, "fly.toml", Place("fly.toml"), limit=MAX_FILE_BYTES)


def _logs(app: str) -> str:
    return f"run `fly logs -a {app}`, or see https://fly.io/apps/{app}/monitoring"


def _command(config: Mapping[str, Any]) -> str:
    words = config.get("init", {}).get("cmd") or ()
    return f" (`{shlex.join(map(str, words))}`)" if words else ""
