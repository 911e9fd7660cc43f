"""The container of a Score file, and its resources, from a fly.toml."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from scorefly.convert.image import REFERENCE
from scorefly.fly.check.leaf import Size
from scorefly.unconvert.meaning import DEFAULT_GROUP, group_names
from scorefly.unconvert.simple import score_resources

_RESOURCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]", re.ASCII)


def container(document: Mapping[str, Any], probes: Mapping[str, Any], *, simple: bool) -> dict[str, Any]:
    """Return the container as data; one that is not `simple` has an image only."""
    image = document.get("build", {}).get("image", "")
    found: dict[str, Any] = {"image": image if REFERENCE.fullmatch(image) and image != "." else "."}
    if not simple:
        return found
    experimental = document.get("experimental", {})
    if words := experimental.get("entrypoint"):
        found["command"] = list(words)
    if words := _args(document, experimental):
        found["args"] = words
    if env := document.get("env"):
        found["variables"] = {name: escape(value) for name, value in env.items()}
    if files := _files(document):
        found["files"] = files
    if mount := only_mount(document):
        found["volumes"] = {mount["destination"]: {"source": f"${{resources.{_volume_name(mount)}.source}}"}}
    if limits := score_resources(document):
        found["resources"] = {"limits": limits}
    return {**found, **probes}


def resources(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resources: the volume that the Machines mount."""
    mount = only_mount(document)
    if mount is None:
        return {}
    params: dict[str, Any] = {"name": mount["source"]}
    if size := _gigabytes(mount):
        params["size_gb"] = size
    return {_volume_name(mount): {"type": "volume", "params": params}}


def only_mount(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the one mount that all Machines have, or None."""
    mounts = document.get("mounts") or []
    groups = group_names(document)
    if len(mounts) != 1 or groups != (DEFAULT_GROUP,):
        return None
    mount: Mapping[str, Any] = mounts[0]
    size = _gigabytes(mount)
    return None if size is not None and not 1 <= size <= 500 else mount


def escape(text: str) -> str:
    """Write a text so that Score reads it as it is: `$` begins a placeholder there."""
    return text.replace("$", "$$") if "$$" in text or "${" in text else text


def _args(document: Mapping[str, Any], experimental: Mapping[str, Any]) -> list[str]:
    words = list(experimental.get("cmd") or [])
    if group_names(document) == (DEFAULT_GROUP,) and (command := document.get("processes", {}).get(DEFAULT_GROUP)):
        try:
            return shlex.split(command) or words
        except ValueError:
            return words
    return words


def _files(document: Mapping[str, Any]) -> dict[str, Any]:
    """Files by content and from beside fly.toml; with a secret or for some groups only, all are a fragment."""
    files = document.get("files") or []
    if any(set(each) - {"guest_path", "raw_value", "local_path"} for each in files):
        return {}
    found: dict[str, Any] = {}
    for each in files:
        if each.get("local_path"):
            found[each["guest_path"]] = {"source": each["local_path"], "noExpand": True}
        else:
            found[each["guest_path"]] = {"content": each.get("raw_value", ""), "noExpand": True}
    return found if len(found) == len(files) else {}


def _volume_name(mount: Mapping[str, Any]) -> str:
    name = mount.get("source", "").replace("_", "-").strip("-")
    return name if _RESOURCE_NAME.fullmatch(name) else "volume"


def _gigabytes(mount: Mapping[str, Any]) -> int | None:
    if "initial_size" not in mount:
        return None
    size: int | None = Size("GB", 10**9, 1000).read(mount["initial_size"], (), [])
    return size
