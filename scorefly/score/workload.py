"""The Workload model: a Score file after loading, overriding, normalising and checking.

Names follow the Score specification v1b1. Strings still hold their placeholders.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Literal

from msgspec import Struct, field

from scorefly.problems import Place
from scorefly.score.document import Places
from scorefly.values import Plain


class ServicePort(Struct, frozen=True):
    """One entry of `service.ports`: `port` is what clients use, `target_port` what the container listens on."""

    name: str
    port: int
    target_port: int
    protocol: Literal["TCP", "UDP"] = "TCP"


class ContainerFile(Struct, frozen=True):
    """A file to mount. Exactly one of `content`, `binary_content` (base64 text) and `source` is set."""

    target: str
    mode: str | None = None
    content: str | None = None
    binary_content: str | None = None
    source: str | None = None
    no_expand: bool = False


class ContainerVolume(Struct, frozen=True):
    """A volume to mount; `source` may hold a placeholder."""

    target: str
    source: str
    path: str | None = None
    read_only: bool = False


class HttpProbe(Struct, frozen=True):
    """`httpGet` of a probe; `headers` in the file's order."""

    port: int
    path: str
    scheme: Literal["HTTP", "HTTPS"] = "HTTP"
    host: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Probe(Struct, frozen=True):
    """A liveness or readiness probe: at least one of the two is set."""

    http_get: HttpProbe | None = None
    exec_command: tuple[str, ...] | None = None


class ComputeResources(Struct, frozen=True):
    """One side of `resources` (requests or limits), as written: `cpu` like `250m`, `memory` like `1.5Gi`."""

    cpu: str | None = None
    memory: str | None = None


class Container(Struct, frozen=True):
    """One container. `command` and `args` are None where the file does not name them."""

    name: str
    image: str
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    files: tuple[ContainerFile, ...] = ()
    volumes: tuple[ContainerVolume, ...] = ()
    before: Mapping[str, Literal["started", "healthy", "complete"]] = field(default_factory=dict)
    requests: ComputeResources = ComputeResources()
    limits: ComputeResources = ComputeResources()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None


class Resource(Struct, frozen=True):
    """One entry of `resources`; params still hold their placeholders."""

    name: str
    type: str
    class_: str = "default"
    id: str | None = None
    params: Mapping[str, Plain] = field(default_factory=dict)
    metadata: Mapping[str, Plain] = field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Workload:
    """One Score file.

    `file` is relative to the workspace, with forward slashes. `places` knows where every element stands by
    its path in the file as written (`("containers", "web", "image")`).
    """

    name: str
    file: PurePosixPath
    metadata: Mapping[str, Plain]
    containers: Mapping[str, Container]
    ports: Mapping[str, ServicePort] = dataclasses.field(default_factory=dict)
    resources: Mapping[str, Resource] = dataclasses.field(default_factory=dict)
    places: Places = dataclasses.field(default_factory=lambda: Places({}), compare=False)

    @property
    def annotations(self) -> Mapping[str, str]:
        """`metadata.annotations`, empty where there are none."""
        found = self.metadata.get("annotations")
        return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    def texts(self) -> Iterator[tuple[Place, str]]:
        """Every text of the file that may hold placeholders, with its place."""
        for name, container in self.containers.items():
            at = ("containers", name)
            for key, value in container.variables.items():
                yield self.place(*at, "variables", key), value
            for file in container.files:
                if file.content is not None and not file.no_expand:
                    yield self.place(*at, "files", file.target, "content"), file.content
            for volume in container.volumes:
                yield self.place(*at, "volumes", volume.target, "source"), volume.source
        for name, resource in self.resources.items():
            yield from self._texts_in(dict(resource.params), ("resources", name, "params"))

    def _texts_in(self, tree: Plain, path: tuple[str | int, ...]) -> Iterator[tuple[Place, str]]:
        if isinstance(tree, str):
            yield self.place(*path), tree
        elif isinstance(tree, dict):
            for key, value in tree.items():
                yield from self._texts_in(value, (*path, key))
        elif isinstance(tree, list):
            for index, value in enumerate(tree):
                yield from self._texts_in(value, (*path, index))

    def place(self, *path: str | int) -> Place:
        """Return where the element at `path` stands, or its nearest ancestor that does."""
        return self.places.at(*path)
