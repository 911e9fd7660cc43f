"""Simulated failures, chosen by the name of an image, and by the command of a Machine that ends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

MISSING = "rehearsal.invalid/missing"
UNHEALTHY = "rehearsal.invalid/unhealthy"
CRASHING = "rehearsal.invalid/crashing"

# Repositories that were taken down, or are known not to exist.
GONE = ("minio/mc",)

_EXIT = re.compile(r"(?:^|[\s;&|])exit (\d{1,3})$", re.ASCII)


def is_missing(image: str) -> bool:
    """No registry has it."""
    return image.startswith(MISSING) or _repository(image) in GONE


def _repository(image: str) -> str:
    """The repository on Docker Hub, without tag and digest; another registry's keeps its host."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    path = head + slash + last.partition(":")[0]
    return path.removeprefix("docker.io/").removeprefix("registry-1.docker.io/")


def is_unhealthy(config: Mapping[str, Any]) -> bool:
    """It runs, and its health checks never pass."""
    return any(image.startswith((UNHEALTHY, CRASHING)) for image in _images(config))


def is_crashing(config: Mapping[str, Any]) -> bool:
    """It ends again and again until Fly gives up."""
    return any(image.startswith(CRASHING) for image in _images(config))


def exit_code(config: Mapping[str, Any]) -> int:
    """Return the exit status of a Machine that ends: N where its command is `exit N`, 1 for `false`, else 0."""
    if is_crashing(config):
        return 1
    init = config.get("init") or {}
    command = " ".join(init.get("exec") or [*(init.get("entrypoint") or []), *(init.get("cmd") or [])])
    if found := _EXIT.search(command):
        return int(found[1])
    return int(command == "false")


def _images(config: Mapping[str, Any]) -> Iterator[str]:
    for each in (config, *(config.get("containers") or ())):
        yield each.get("image") or ""
