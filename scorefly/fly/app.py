"""A Fly app as it should be: `convert/` makes it, `deployment/` deploys it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.quantities import volume_gigabytes
from scorefly.values import Secret

ANY_REGION = ""
MAX_MACHINES = 500  # of one process group, or in one region


class Build(Struct, frozen=True):
    """An image to build. `context` and `dockerfile` are relative to the workspace; `ignorefile` is, where it is named.

    `stated` tells a build of scorefly.yaml, an option or an overlay from the Dockerfile beside the Score file, which
    needs no `[build]` in fly.toml. With a `builder` there is no Dockerfile: buildpacks make the image. `container`
    is set for the build of a container that fly.toml's `[build]` is not about.
    """

    context: str
    dockerfile: str
    target: str = ""
    args: tuple[tuple[str, str], ...] = ()
    builder: str = ""
    buildpacks: tuple[str, ...] = ()
    ignorefile: str = ""
    stated: bool = False
    container: str = ""

    @property
    def dockerfile_in_context(self) -> str:
        """The Dockerfile relative to the context; it may be outside of it."""
        return posixpath.relpath(self.dockerfile, self.context)


class Port(Struct, frozen=True):
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
        """Decide whether the Internet reaches it."""
        return self.how not in ("private", "flycast")

    @property
    def address(self) -> str:
        """Return where other apps of the organization reach it, behind the app's name."""
        return f".flycast:{self.port}" if self.how == "flycast" else f".internal:{self.internal}"


class VolumeClaim(Struct, frozen=True):
    """A volume each Machine of the app needs.

    `snapshots` are its settings for snapshots, named as the Machines API does. `grows` says that Fly extends it.
    """

    name: str
    size_gb: int
    snapshots: Mapping[str, int | bool] = field(default_factory=dict)
    grows: bool = False


class App(Struct, frozen=True):
    """One Fly app, wanted.

    `config` is fly.toml as data, without secrets, and `machine` the part of a Machine's configuration that fly.toml
    has no words for, in a file beside it. `files` are what it mounts by `local_path`, by their path
    below the artefact's `files/` folder; never secret. `secrets` are what Fly must hold before a Machine
    starts. `needs` are the names of apps that must be deployed first. `owner` is the workload's name, or the
    uid of the resource that brings the app. `counts` are the desired Machines by process group and region; the region
    `ANY_REGION` stands for wherever the app's Machines are. A group that is not in it has as many as flyctl makes.
    `pinned` is the image by the digest that its tag has now; empty where that is not known. `built` are digests of the
    files that the image is built from. `other_builds` are the builds of further containers by name, whose image in
    `machine` is `.` until they are built, and `other_pins` the images of further containers by digest.
    `hosts` are the custom host names that the app serves, and `deploy_args` further flags of flyctl for this app.
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
    pinned: str = ""
    built: Mapping[str, str] = field(default_factory=dict)
    deploy_args: tuple[str, ...] = ()
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    other_builds: Mapping[str, Build] = field(default_factory=dict)
    other_pins: Mapping[str, str] = field(default_factory=dict)

    @property
    def builds(self) -> tuple[Build, ...]:
        """All images of the app that are built, the one of fly.toml first."""
        return (*([self.image] if isinstance(self.image, Build) else []), *self.other_builds.values())

    @property
    def other_images(self) -> dict[str, str]:
        """The images of the containers that `image` is not for, by name; `.` for one that is built."""
        chosen = self.config.get("container", "")
        containers = self.machine.get("containers") or ()
        return {each["name"]: each["image"] for each in containers if each["name"] != chosen}

    def with_other_images(self, images: Mapping[str, str]) -> App:
        """Return the app with other images of the containers that `image` is not for."""
        if not images:
            return self
        containers = [
            {**each, "image": images[each["name"]]} if each["name"] in images else each
            for each in self.machine["containers"]
        ]
        return replace(self, machine={**self.machine, "containers": containers})


def volume_claims(mounts: Any) -> tuple[VolumeClaim, ...]:
    """Return the volumes that the mounts of a fly.toml need; a mount whose size is invalid is left to the checker."""
    tables = [mounts] if isinstance(mounts, Mapping) else mounts if isinstance(mounts, list) else []
    claims = []
    for mount in tables:
        if not isinstance(mount, Mapping):
            continue
        size = volume_gigabytes(str(mount.get("initial_size", "1")))
        if size is None:
            continue
        snapshots: dict[str, int | bool] = {}
        if isinstance(retention := mount.get("snapshot_retention"), int):
            snapshots["snapshot_retention"] = retention
        if isinstance(scheduled := mount.get("scheduled_snapshots"), bool):
            snapshots["auto_backup_enabled"] = scheduled
        grows = bool(mount.get("auto_extend_size_threshold"))
        claims.append(VolumeClaim(str(mount.get("source", "")), size, snapshots, grows))
    return tuple(claims)
