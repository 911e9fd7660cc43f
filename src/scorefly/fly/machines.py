"""A plain rolling deploy over the REST API: what rehearsals use, where there is no flyctl to wrap.

As flyctl it leaves stopped Machines stopped, and makes no Machine where there is one.
"""

from __future__ import annotations

import hashlib
import os
import threading
import tomllib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorefly.confined import read_file
from scorefly.fly.api import FlyApi, MachineView
from scorefly.fly.app import App
from scorefly.fly.health import POLL, wait_until_healthy
from scorefly.fly.sizes import preset_named
from scorefly.problems import Place, failed

PROCESS_GROUP = "app"
STANDBY_VARIABLE = "FLY_STANDBY_FOR"
MAX_FILE_BYTES = 8 << 20  # placeholders may have made a mounted file of 1 MiB larger


@dataclass(frozen=True, slots=True)
class MachinesDeployer:
    """Creates Machines or updates them one after the other, waiting for each to be healthy. Times are seconds."""

    api: FlyApi
    wait_timeout: float = 300.0
    ha: bool | None = None
    poll: float = POLL

    def check(self) -> None:
        """It needs nothing but the API."""

    def prepare(self, app: App, *, stop: threading.Event) -> None:
        """It reads secrets when it deploys."""

    def deploy(
        self, app: App, artefact: Path, folder: Path, *, on_line: Callable[[str], None], stop: threading.Event
    ) -> None:
        """Deploys what the artefact's fly.toml says. Raises OutsideError."""
        toml = tomllib.loads((artefact / "fly.toml").read_text(encoding="utf-8"))
        config = machine_config(toml, app.machine, self._image(app, artefact), artefact, folder)
        machines = self.api.machines(app.name)
        for machine in machines:
            on_line(f"updating Machine {machine.id}")
            changed = {**config, "metadata": {**machine.metadata, **config["metadata"]}}
            for key in ("mounts", "standbys"):
                if kept := machine.config.get(key):
                    changed[key] = kept
            launch = machine.state in ("started", "starting", "failed")
            updated = self.api.update_machine(app.name, machine.id, changed, launch=launch)
            if launch:
                self._settle(updated, on_line, stop)
        if not machines:
            self._create(app, toml, config, on_line, stop)

    def _create(
        self,
        app: App,
        toml: Mapping[str, Any],
        config: Mapping[str, Any],
        on_line: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        """As flyctl: a first Machine, and unless it has a volume or `ha` is false a spare or a standby beside it."""
        machine = self.api.create_machine(app.name, {**config, **self._mounts(app, toml)}, app.region)
        on_line(f"created Machine {machine.id} in {machine.region}")
        self._settle(machine, on_line, stop)
        if self.ha is False or toml.get("mounts"):
            return
        if toml.get("http_service") or toml.get("services"):
            spare = self.api.create_machine(app.name, config, app.region)
            on_line(f"created Machine {spare.id} in {spare.region}")
            self._settle(spare, on_line, stop)
        else:
            standby = self.api.create_machine(app.name, standby_config(config, machine.id), app.region, launch=False)
            on_line(f"created standby Machine {standby.id} in {standby.region}")

    def _mounts(self, app: App, toml: Mapping[str, Any]) -> dict[str, Any]:
        mounts = []
        for mount in toml.get("mounts", ()):
            free = [each for each in self.api.volumes(app.name) if each.name == mount["source"] and not each.machine]
            if not free:
                raise failed(f"{app.name} has no free volume called {mount['source']!r}", "run deploy again")
            mounts.append({"volume": free[0].id, "path": mount["destination"], "name": mount["source"]})
        return {"mounts": mounts} if mounts else {}

    def _settle(self, machine: MachineView, on_line: Callable[[str], None], stop: threading.Event) -> None:
        wait_until_healthy(self.api, machine, self.wait_timeout, on_line=on_line, stop=stop, poll=self.poll)

    @staticmethod
    def _image(app: App, artefact: Path) -> str:
        if isinstance(app.image, str):
            return app.image
        digest = hashlib.sha256(f"{app.image}{(artefact / 'fly.toml').read_text()}".encode()).hexdigest()[:12]
        return f"registry.fly.io/{app.name}:rehearsal-{digest}"


def standby_config(config: Mapping[str, Any], machine: str) -> dict[str, Any]:
    """The configuration of a Machine that Fly starts when the host of another one fails."""
    env = {**(config.get("env") or {}), STANDBY_VARIABLE: machine}
    return {**config, "env": env, "standbys": [machine]}


def machine_config(
    toml: Mapping[str, Any], machine: Mapping[str, Any], image: str, artefact: Path, folder: Path
) -> dict[str, Any]:
    """The Machine configuration that a fly.toml means, as flyctl makes it in working folder `folder`.

    `machine` is what stands in machine.json. Files are read from the artefact only.
    """

    def content(local_path: str) -> bytes:
        # Lexically: a link in the build context must not lead the way back up somewhere else.
        path = os.path.relpath(os.path.normpath(folder / local_path), artefact)
        return read_file(artefact, path, Place(local_path), limit=MAX_FILE_BYTES)

    config: dict[str, Any] = {
        **machine,
        "image": image,
        "env": {
            **toml.get("env", {}),
            "FLY_PROCESS_GROUP": PROCESS_GROUP,
            **({"PRIMARY_REGION": toml["primary_region"]} if toml.get("primary_region") else {}),
        },
        "guest": _guest(toml),
        "services": _services(toml),
        "checks": {name: _check(each) for name, each in toml.get("checks", {}).items()},
        "files": [_file(each, content) for each in toml.get("files", ())],
        "metadata": {"fly_platform_version": "v2", "fly_process_group": PROCESS_GROUP},
        "restart": (toml.get("restart") or [{"policy": "on-failure", "max_retries": 10}])[0],
    }
    if "containers" in machine:
        front = toml.get("container")
        config["containers"] = [_container(each, image, front, content) for each in machine["containers"]]
    init = {key: value for key, value in toml.get("experimental", {}).items() if key in ("cmd", "entrypoint", "exec")}
    return {**config, **({"init": init} if init else {})}


def _container(
    container: Mapping[str, Any], image: str, front: str | None, content: Callable[[str], bytes]
) -> dict[str, Any]:
    files = [_container_file(each, content) for each in container.get("files", ())]
    return {
        **container,
        **({"image": image} if container["name"] == front else {}),
        **({"files": files} if files else {}),
    }


def _container_file(file: Mapping[str, Any], content: Callable[[str], bytes]) -> dict[str, Any]:
    return {**_file(file, content), **({"mode": file["mode"]} if "mode" in file else {})}


def _guest(toml: Mapping[str, Any]) -> dict[str, Any]:
    vm = (toml.get("vm") or [{}])[0]
    preset = preset_named(vm.get("size", "shared-cpu-1x"))
    if preset is None:
        raise failed(f"Fly has no Machine size {vm.get('size')!r}")
    memory = str(vm.get("memory", preset.memory_mb)).lower()
    megabytes = int(memory.removesuffix("gb")) * 1024 if memory.endswith("gb") else int(memory.removesuffix("mb"))
    return {"cpu_kind": preset.cpu_kind, "cpus": preset.cpus, "memory_mb": megabytes}


def _services(toml: Mapping[str, Any]) -> list[dict[str, Any]]:
    services = []
    if http := toml.get("http_service"):
        force = {"force_https": True} if http.get("force_https") else {}
        services.append(
            {
                "protocol": "tcp",
                "internal_port": http["internal_port"],
                "autostop": http.get("auto_stop_machines", "off"),
                "autostart": http.get("auto_start_machines", True),
                "ports": [
                    {"port": 80, "handlers": ["http"], **force},
                    {"port": 443, "handlers": ["http", "tls"]},
                ],
                "checks": [{"type": "http", **_check(each)} for each in http.get("checks", ())],
            }
        )
    for service in toml.get("services", ()):
        services.append(
            {
                "protocol": service.get("protocol", "tcp"),
                "internal_port": service["internal_port"],
                "autostop": service.get("auto_stop_machines", "off"),
                "autostart": service.get("auto_start_machines", True),
                "ports": service.get("ports", []),
                "checks": [{"type": "http", **_check(each)} for each in service.get("http_checks", ())],
            }
        )
    return services


def _check(check: Mapping[str, Any]) -> dict[str, Any]:
    """Headers are a mapping in fly.toml, and a list of names with lists of values in the API."""
    made = dict(check)
    if "headers" in made:
        made["headers"] = [{"name": name, "values": [value]} for name, value in made["headers"].items()]
    return made


def _file(file: Mapping[str, Any], content: Callable[[str], bytes]) -> dict[str, Any]:
    if "local_path" in file:
        return {"guest_path": file["guest_path"], "raw_value": b64encode(content(file["local_path"])).decode()}
    if "raw_value" in file:
        return {"guest_path": file["guest_path"], "raw_value": b64encode(file["raw_value"].encode()).decode()}
    return dict(file)
