"""Migrations of the state document: each brings a document of one version to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def migrate(data: dict[str, Any], version: int) -> None:
    """Bring a document to `version`, in place. Raises KeyError, TypeError or AttributeError when it is damaged."""
    for older in range(data["version"], version):
        _MIGRATIONS[older](data)


def _to_version_2(data: dict[str, Any]) -> None:
    """Apps know their commit and how others reach them; resources what they need, and their metadata."""
    for app in data["apps"].values():
        app.update({"commit": "", "flycast": False} | app)
    for resource in data["resources"].values():
        resource.update({"needs": [], "metadata": {}} | resource)


def _to_version_3(data: dict[str, Any]) -> None:
    """Workloads know their files, apps what they are on Fly and what was deployed, resources whose they are."""
    data.setdefault("workloads", {})
    for app in data["apps"].values():
        app.update({"id": "", "needs": [], "addresses": [], "record": ""} | app)
    for resource in data["resources"].values():
        resource.update({"owner": ""} | resource)


def _to_version_4(data: dict[str, Any]) -> None:
    """A state knows its repository, resources their apps' names and who defined them, apps what they used last."""
    data.setdefault("repository", {"name": "", "id": ""})
    for app in data["apps"].values():
        app.update({"uses": [], "used_secrets": sorted(app["secrets"])} | app)
    for resource in data["resources"].values():
        resource.update({"app_stems": {}, "defined_by": resource["owner"]} | resource)


def _to_version_5(data: dict[str, Any]) -> None:
    """Apps keep their last releases, whether they were rolled back, and their certificates and network."""
    releases: dict[str, Any] = {"deployed_at": "", "releases": [], "release": "", "artefacts": "", "rollback": None}
    for app in data["apps"].values():
        app.update({"certificates": {}, "network": "", **releases} | app)


_MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], None]] = {
    1: _to_version_2,
    2: _to_version_3,
    3: _to_version_4,
    4: _to_version_5,
}
