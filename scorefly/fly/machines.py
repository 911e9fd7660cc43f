"""A plain rolling deploy over the REST API: what rehearsals use, where there is no flyctl to wrap.

As flyctl it leaves stopped Machines stopped, and makes no Machine where there is one.
"""

from __future__ import annotations

import hashlib
import shlex
import threading
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from scorefly.confined import exists, read_file
from scorefly.fly.api import FlyApi
from scorefly.fly.api.machines import MachineView
from scorefly.fly.api.volumes import VolumeView
from scorefly.fly.app import App, Build
from scorefly.fly.health import POLL, logs_hint, wait_until_healthy
from scorefly.fly.machine_config import MAX_FILE_BYTES, machine_config, release_config, standby_config
from scorefly.fly.mounts import attach_volumes, check_mounts
from scorefly.fly.process_groups import DEFAULT_GROUP, flatten, group_names
from scorefly.problems import Place, external_error

Config = dict[str, Any]
_LAUNCHED = ("started", "starting", "failed")  # states of Machines that an update starts again


class MachinesDeployer(Struct, frozen=True):
    """Creates Machines or updates them one after the other, waiting for each to be healthy. Times are seconds."""

    api: FlyApi
    wait_timeout: float = 300.0
    ha: bool | None = None
    poll: float = POLL

    def check(self) -> None:
        """It needs nothing but the API."""

    def prepare(self, app: App, *, stop: threading.Event) -> None:
        """It reads secrets when it deploys."""

    def build(
        self,
        app: App,
        artefact: Path,
        folder: Path,
        label: str,
        *,
        on_line: Callable[[str], None],
        stop: threading.Event,
    ) -> str:
        """Build nothing, and return a digest that stands for the label."""
        del artefact, stop
        if isinstance(app.image, Build) and not (app.image.builder or exists(folder, app.image.dockerfile_in_context)):
            dockerfile = app.image.dockerfile_in_context
            raise external_error(f"failed to fetch an image or build from source: dockerfile '{dockerfile}' not found")
        on_line(f"no image is built in a rehearsal: {label}")
        return f"registry.fly.io/{app.name}@sha256:{hashlib.sha256(label.encode()).hexdigest()}"

    def deploy(
        self, app: App, artefact: Path, folder: Path, *, on_line: Callable[[str], None], stop: threading.Event
    ) -> None:
        """Deploys what the artefact's fly.toml says. Raises ExternalError."""
        toml = tomllib.loads(_fly_toml(artefact).decode())
        image = str(app.image)
        machines, groups = self.api.machines(app.name), group_names(toml)
        volumes = self.api.volumes(app.name) if toml.get("mounts") else ()
        by_group = {group: [each for each in machines if _group_of(each) == group] for group in groups}
        for group, present in by_group.items():
            check_mounts(flatten(toml, group), present, volumes, group)
        self._run_release_command(app, release_config(toml, image, artefact, folder), on_line)
        for machine in machines:
            if _group_of(machine) not in groups:
                on_line(f"destroying Machine {machine.id}: there is no process group {_group_of(machine)!r} any more")
                self.api.delete_machine(app.name, machine.id)
        taken: set[str] = set()
        for group, present in by_group.items():
            flat = flatten(toml, group)

            def config_of(current: Mapping[str, Any] | None, flat: dict[str, Any] = flat, group: str = group) -> Config:
                return machine_config(flat, app.machine, image, artefact, folder, current, group)

            for machine in present:
                self._update(app, machine, config_of(machine.config), volumes, taken, on_line, stop)
            if not present:
                config = config_of(None)
                attach_volumes(config, {}, volumes, app.region, taken, group)
                self._create(app, flat, config, on_line, stop)

    def _update(
        self,
        app: App,
        machine: MachineView,
        config: Config,
        volumes: Sequence[VolumeView],
        taken: set[str],
        on_line: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        mounted = attach_volumes(config, machine.config, volumes, machine.region, taken)
        launch = machine.state in _LAUNCHED
        if mounted is None:
            on_line(f"updating Machine {machine.id}")
            new = self.api.update_machine(app.name, machine.id, config, launch=launch)
        else:
            on_line(f"replacing Machine {machine.id}, which gets volume {mounted}")
            self.api.delete_machine(app.name, machine.id)
            new = self.api.create_machine(app.name, config, machine.region, launch=launch)
        if launch:
            self._settle(new, on_line, stop)

    def _create(
        self,
        app: App,
        toml: Mapping[str, Any],
        config: Mapping[str, Any],
        on_line: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        """As flyctl: a first Machine, and unless it has a volume or `ha` is false a spare or a standby beside it."""
        machine = self.api.create_machine(app.name, config, app.region)
        on_line(f"created Machine {machine.id} in {machine.region}")
        self._settle(machine, on_line, stop)
        if self.ha is False or app.counts or toml.get("mounts"):
            return
        if toml.get("http_service") or toml.get("services"):
            spare = self.api.create_machine(app.name, config, app.region)
            on_line(f"created Machine {spare.id} in {spare.region}")
            self._settle(spare, on_line, stop)
        else:
            standby = self.api.create_machine(app.name, standby_config(config, [machine.id]), app.region, launch=False)
            on_line(f"created standby Machine {standby.id} in {standby.region}")

    def _run_release_command(self, app: App, config: Mapping[str, Any] | None, on_line: Callable[[str], None]) -> None:
        """Run the release command to its end in a temporary Machine."""
        if config is None:
            return
        on_line(f"running the release command of {app.name}")
        machine = self.api.create_machine(app.name, config, app.region)
        if not self.api.wait_machine(app.name, machine.id, "destroyed", int(self.wait_timeout)):
            raise external_error(f"the release command of {app.name} did not end in {self.wait_timeout:.0f} s")
        if status := self.api.machine(app.name, machine.id).crashed:
            raise external_error(
                f"release command failed{_command(config)}: it ended with exit status {status}",
                f"nothing was replaced; {logs_hint(app.name)}",
            )

    def _settle(self, machine: MachineView, on_line: Callable[[str], None], stop: threading.Event) -> None:
        wait_until_healthy(self.api, machine, self.wait_timeout, on_line=on_line, stop=stop, poll=self.poll)


def _group_of(machine: MachineView) -> str:
    return str(machine.metadata.get("fly_process_group") or DEFAULT_GROUP)


def _fly_toml(artefact: Path) -> bytes:
    return read_file(artefact, "fly.toml", Place("fly.toml"), limit=MAX_FILE_BYTES)


def _command(config: Mapping[str, Any]) -> str:
    words = config.get("init", {}).get("cmd") or ()
    return f" (`{shlex.join(map(str, words))}`)" if words else ""
