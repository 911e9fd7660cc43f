"""Makes the Workload of a document that has passed the schema."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, cast

from scorefly.score.document import Document
from scorefly.score.workload import (
    ComputeResources,
    Container,
    ContainerFile,
    ContainerVolume,
    HttpProbe,
    Probe,
    Resource,
    ServicePort,
    Workload,
)


def read_workload(document: Document) -> Workload:
    """The Workload in a document that is normalised and valid."""
    data = cast("dict[str, Any]", document.data)
    return Workload(
        name=data["metadata"]["name"],
        file=PurePosixPath(document.file),
        metadata=data["metadata"],
        containers={name: _container(name, each) for name, each in data["containers"].items()},
        ports={name: _port(name, each) for name, each in data.get("service", {}).get("ports", {}).items()},
        resources={name: _resource(name, each) for name, each in data.get("resources", {}).items()},
        places=document.places,
    )


def _port(name: str, data: Mapping[str, Any]) -> ServicePort:
    # The schema takes 8080.0 for a whole number, as JSON Schema does.
    port = int(data["port"])
    return ServicePort(name, port, int(data.get("targetPort", port)), data.get("protocol", "TCP"))


def _container(name: str, data: Mapping[str, Any]) -> Container:
    compute = data.get("resources", {})
    return Container(
        name=name,
        image=data["image"],
        command=tuple(data["command"]) if "command" in data else None,
        args=tuple(data["args"]) if "args" in data else None,
        variables=data.get("variables", {}),
        files=tuple(_file(target, each) for target, each in data.get("files", {}).items()),
        volumes=tuple(_volume(target, each) for target, each in data.get("volumes", {}).items()),
        before={other: each["ready"] for other, each in data.get("before", {}).items()},
        requests=ComputeResources(**compute.get("requests", {})),
        limits=ComputeResources(**compute.get("limits", {})),
        liveness_probe=_probe(data.get("livenessProbe")),
        readiness_probe=_probe(data.get("readinessProbe")),
    )


def _file(target: str, data: Mapping[str, Any]) -> ContainerFile:
    return ContainerFile(
        target=target,
        mode=data.get("mode"),
        content=data.get("content"),
        binary_content=data.get("binaryContent"),
        source=data.get("source"),
        no_expand=data.get("noExpand", False),
    )


def _volume(target: str, data: Mapping[str, Any]) -> ContainerVolume:
    return ContainerVolume(target, data["source"], data.get("path"), data.get("readOnly", False))


def _probe(data: Mapping[str, Any] | None) -> Probe | None:
    if data is None:
        return None
    http = data.get("httpGet")
    command = data.get("exec", {}).get("command")
    return Probe(_http_probe(http) if http else None, tuple(command) if command is not None else None)


def _http_probe(data: Mapping[str, Any]) -> HttpProbe:
    return HttpProbe(
        port=int(data["port"]),
        path=data["path"],
        scheme=data.get("scheme", "HTTP"),
        host=data.get("host"),
        headers=tuple((header["name"], header["value"]) for header in data.get("httpHeaders", ())),
    )


def _resource(name: str, data: Mapping[str, Any]) -> Resource:
    return Resource(
        name=name,
        type=data["type"],
        class_=data.get("class", "default"),
        id=data.get("id"),
        params=data.get("params", {}),
        metadata=data.get("metadata", {}),
    )
