"""Finds what is valid and probably not meant: unfinished placeholders, unknown classes, files that nothing reads."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from scorefly.config.settings import Settings
from scorefly.problems import Place, Problem, nearest
from scorefly.resources.graph import ResourceNode
from scorefly.resources.lookup import STAND_IN
from scorefly.resources.provisioner import Provisioner, Request, Spec
from scorefly.safe_files import list_names
from scorefly.score.placeholders import unfinished
from scorefly.score.workload import Workload
from scorefly.values import Secret

_FOLDER = ".scorefly"
_OVERLAY = re.compile(r"overlay\.(.+)\.(?:toml|ya?ml)")
_PROVISIONERS = re.compile(r"(?:.+\.)?provisioners?\.ya?ml")
# Names that other Score implementations and vendors use for the types that scorefly has.
_OTHER_NAMES = {
    "postgresql": "postgres",
    "pg": "postgres",
    "psql": "postgres",
    "timescaledb": "postgres",
    "database": "postgres",
    "db": "postgres",
    "sql": "postgres",
    "mariadb": "mysql",
    "mongo": "mongodb",
    "documentdb": "mongodb",
    "rabbitmq": "amqp",
    "rabbit": "amqp",
    "queue": "amqp",
    "message-queue": "amqp",
    "kafka": "kafka-topic",
    "topic": "kafka-topic",
    "redpanda": "kafka-topic",
    "bucket": "s3",
    "s3-bucket": "s3",
    "blob": "s3",
    "blob-storage": "s3",
    "gcs": "s3",
    "minio": "s3",
    "tigris": "s3",
    "object-storage": "s3",
    "cache": "redis",
    "valkey": "redis",
    "keydb": "redis",
    "memcached": "redis",
    "opensearch": "elasticsearch",
    "elastic": "elasticsearch",
    "sqlserver": "mssql",
    "sql-server": "mssql",
    "env": "environment",
    "config": "environment",
    "variables": "environment",
    "secrets": "secret",
    "ingress": "route",
    "http-route": "route",
    "httproute": "route",
    "hostname": "dns",
    "domain": "dns",
    "persistent-volume": "volume",
    "pvc": "volume",
    "disk": "volume",
    "workload": "service",
    "hpa": "horizontal-pod-autoscaler",
}


def unknown_type(node: ResourceNode, specs: Collection[Spec]) -> Problem:
    """Describe a resource whose type, or class, no provisioner is for."""
    same_type = [spec for spec in specs if spec.type == node.type]
    if same_type:
        classes = sorted({spec.class_ or "any" for spec in same_type})
        message = f"no provisioner for resource type {node.type!r} of class {node.class_!r}"
        meant = nearest(node.class_, classes, "its classes are:")
        return Problem(message, f"{meant}; or add an entry to .scorefly/*.provisioners.yaml", node.place)
    types = sorted({spec.type for spec in specs})
    other = _OTHER_NAMES.get(node.type.lower(), "")
    meant = f"did you mean {other!r}?" if other in types else nearest(node.type, types, "")
    hint = "see `scorefly provisioners list`, or add an entry for it to .scorefly/*.provisioners.yaml"
    start = f"{meant} " if meant.startswith("did you mean") else ""
    return Problem(f"no provisioner for resource type {node.type!r}", start + hint, node.place)


def class_problems(node: ResourceNode, chosen: Provisioner, specs: Collection[Spec]) -> Iterator[Problem]:
    """Warn of a class that a built-in provisioner does not have: it makes the default one then."""
    if chosen.spec.built_in and chosen.spec.class_ is None and node.class_ != "default":
        classes = sorted({spec.class_ for spec in specs if spec.type == node.type and spec.class_})
        known = f"classes: {', '.join(classes)}" if classes else "it has only the default one"
        message = f"{node.type} has no class {node.class_!r} ({known}); using the default class"
        yield Problem(message, nearest(node.class_, classes, "") if classes else "", node.place, severity="warning")


def size_problems(request: Request, spec: Spec) -> tuple[Problem, ...]:
    """Refuse a `size_gb` that no volume can have, where a built-in provisioner reads it."""
    size = request.params.get("size_gb")
    if not spec.built_in or size in (None, STAND_IN) or isinstance(size, Secret):
        return ()
    text = str(size)
    if text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= 500:
        return ()
    message = f"{request.uid}: params.size_gb {size!r} is not a whole number of GB from 1 to 500"
    return (Problem(message, "write for example size_gb: 10", request.place),)


def placeholder_problems(workload: Workload) -> Iterator[Problem]:
    """Warn of texts that look like placeholders and are deployed as they are written."""
    for place, text in workload.texts():
        if written := unfinished(text):
            message = f"{written!r} looks like an unfinished placeholder, and is used as it is written"
            yield Problem(message, "write ${resources.NAME.OUTPUT}", place, severity="warning")
    for name, container in workload.containers.items():
        for key, words in (("command", container.command), ("args", container.args)):
            if any(re.search(r"\$\{(?:resources|metadata)\.", word) for word in words or ()):
                message = f"Score has no placeholders in {key}: the text is used as it is written"
                place = workload.place("containers", name, key)
                yield Problem(message, "read it from a variable of the container", place, severity="warning")


def unread_files(settings: Settings, workloads: Sequence[str]) -> Iterator[Problem]:
    """Warn of files in `.scorefly` whose names nothing looks for. `workloads` are all that there are."""
    try:
        names = list_names(settings.workspace, Path(_FOLDER))
    except OSError:
        return
    for name in names:
        place = Place(f"{_FOLDER}/{name}")
        if (overlay := _OVERLAY.fullmatch(name)) and overlay[1] not in workloads:
            hint = nearest(overlay[1], workloads, "the workloads are:")
            yield Problem(f"overlay of {overlay[1]!r} matches no workload", hint, place, severity="warning")
        elif _PROVISIONERS.fullmatch(name) and not _is_named(f"{_FOLDER}/{name}", settings.provisioners):
            stem = re.sub(r"\.?provisioners?\.ya?ml$", "", name) or "my"
            hint = f"rename it to {_FOLDER}/{stem}.provisioners.yaml, or name it in provisioners"
            yield Problem("no run reads this provisioner file", hint, place, severity="warning")


def _is_named(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path, pattern.removeprefix("./")) for pattern in patterns)
