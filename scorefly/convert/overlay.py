"""Overlays: what a team writes over the generated fly.toml, for what scorefly has no word for.

`.scorefly/overlay.toml` (or `.yaml`) is for all workloads, `.scorefly/overlay.WORKLOAD.toml` for one and over that.
Tables are merged key by key, everything else is replaced, and null, which only YAML can write, takes a key out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from scorefly.confined import exists, read_file
from scorefly.convert.reach import addresses_of, url_of
from scorefly.fly.app import App, volume_claims
from scorefly.problems import InputError, Place, Problem
from scorefly.score.document import parse
from scorefly.values import merge_patch

FOLDER = ".scorefly"
MAX_ELEMENTS = 5000
MAX_DEPTH = 30
ENDINGS = ("toml", "yaml", "yml")


class Overlay(Struct, frozen=True):
    """One file: where it stands, relative to the workspace, and the part of a fly.toml it holds."""

    file: str
    config: Mapping[str, Any]


def read_overlays(workspace: Path, workload: str = "", folder: str = ".") -> tuple[Overlay, ...]:
    """Those of a workload, or those for all, below a project's folder. Raises InputError: what cannot be read."""
    stem = f"overlay.{workload}" if workload else "overlay"
    below = FOLDER if folder == "." else f"{folder}/{FOLDER}"
    names = [f"{below}/{stem}.{ending}" for ending in ENDINGS]
    return tuple(_read(workspace, name) for name in names if exists(workspace, name))


def lay_over(app: App, overlays: Sequence[Overlay]) -> App:
    """The app as the overlays change it, with what Fly has to provide for it."""
    config: dict[str, Any] = dict(app.config)
    for overlay in overlays:
        config = merge_patch(config, overlay.config)
    image = config.get("build", {}).get("image", app.image) if isinstance(config.get("build"), dict) else app.image
    return replace(
        app,
        config=config,
        image=image,
        region=str(config.get("primary_region", app.region)),
        volumes=volume_claims(config.get("mounts")),
        addresses=_addresses(app, config),
        url=url_of(config, app.name),
    )


def published_ports(overlays: Sequence[Overlay]) -> dict[int, str]:
    """Return the ports of the Machine that overlays make public, with how: tls, http or tcp."""
    found: dict[int, str] = {}
    for overlay in overlays:
        http, services = overlay.config.get("http_service"), overlay.config.get("services")
        if isinstance(http, Mapping) and isinstance(http.get("internal_port"), int):
            found[http["internal_port"]] = "tls"
        for service in services if isinstance(services, list) else ():
            ports = service.get("ports") if isinstance(service, Mapping) else None
            number = service.get("internal_port") if isinstance(service, Mapping) else None
            if isinstance(ports, list) and ports and isinstance(number, int):
                handlers = {
                    each for port in ports if isinstance(port, Mapping) for each in _texts(port.get("handlers"))
                }
                found[number] = "tls" if "tls" in handlers else "http" if "http" in handlers else "tcp"
    return found


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _read(workspace: Path, name: str) -> Overlay:
    try:
        content = read_file(workspace, name, Place(name))
        if not name.endswith(".toml"):
            return _checked(Overlay(name, parse(content, name).data))
        import tomllib

        return _checked(Overlay(name, tomllib.loads(content.decode())))
    except ValueError as error:  # also bytes that are not UTF-8, and integers of thousands of digits
        where = re.search(r"line (\d+), column (\d+)", str(error))
        place = Place(name, int(where[1]), int(where[2])) if where else Place(name)
        raise InputError(Problem(f"this is no TOML: {str(error).partition(' (at')[0]}", "", place)) from error
    except RecursionError as error:
        raise InputError(Problem("the file is nested too deeply", "flatten it", Place(name))) from error


def _checked(overlay: Overlay) -> Overlay:
    _refuse_size(overlay)
    if "app" in overlay.config:
        hint = "app-prefix, app-suffix and the workload's name make it"
        raise InputError(Problem("an overlay cannot name the app", hint, Place(overlay.file)))
    return overlay


def _refuse_size(overlay: Overlay) -> None:
    """Refuse what no fly.toml is like: everything after this walks through the overlay by recursion."""
    trees: list[tuple[Any, int]] = [(overlay.config, 0)]
    for count, (tree, depth) in enumerate(trees):
        if count > MAX_ELEMENTS or depth > MAX_DEPTH:
            limit = f"{MAX_ELEMENTS} elements" if count > MAX_ELEMENTS else f"{MAX_DEPTH} levels"
            raise InputError(Problem(f"an overlay has at most {limit}", "make it smaller", Place(overlay.file)))
        inner = tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, list) else ()
        trees.extend((each, depth + 1) for each in inner)


def _addresses(app: App, config: Mapping[str, Any]) -> tuple[str, ...]:
    same = all(app.config.get(key) == config.get(key) for key in ("http_service", "services"))
    return app.addresses if same else addresses_of(config)
