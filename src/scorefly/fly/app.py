"""A Fly app as scorefly wants it: what `convert/` makes and `run/` brings to Fly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scorefly.values import Secret


@dataclass(frozen=True, slots=True)
class Build:
    """An image to build: folder and Dockerfile, relative to the workspace."""

    context: str
    dockerfile: str

    @property
    def dockerfile_in_context(self) -> str:
        """The Dockerfile relative to the context."""
        return self.dockerfile.removeprefix(f"{self.context}/") if self.context != "." else self.dockerfile


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the app, for reports and for those who connect to it.

    `port` is the Score service port, `internal` what the Machine listens on. `how` is "http", "tls", "tcp",
    "udp" for a public port; "private" for one reached at `<app>.internal:<internal>` only, and "flycast" for one
    reached at `<app>.flycast:<port>`.
    """

    name: str
    port: int
    internal: int
    how: str

    @property
    def public(self) -> bool:
        """Whether the Internet reaches it."""
        return self.how not in ("private", "flycast")

    @property
    def address(self) -> str:
        """Where other apps of the organization reach it, behind the app's name."""
        return f".flycast:{self.port}" if self.how == "flycast" else f".internal:{self.internal}"


@dataclass(frozen=True, slots=True)
class VolumeClaim:
    """A volume each Machine of the app needs."""

    name: str
    size_gb: int


@dataclass(frozen=True, slots=True)
class App:
    """One Fly app, wanted.

    `config` is fly.toml as data, without secrets, and `machine` the part of a Machine's configuration that fly.toml
    has no words for, which stands beside it. `files` are what it mounts by `local_path`, by their path
    below the artefact's `files/` folder; never secret. `secrets` are what Fly must hold before a Machine
    starts. `needs` are the names of apps that must be deployed first. `owner` is the workload's name, or the
    uid of the resource that brings the app.
    """

    name: str
    owner: str
    config: Mapping[str, Any]
    image: str | Build
    size: str
    machine: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    volumes: tuple[VolumeClaim, ...] = ()
    addresses: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    url: str = ""
    workload: str = ""
    region: str = ""
