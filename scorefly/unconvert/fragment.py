"""The part of a fly.toml that a Score file cannot express: what has to be merged over the generated one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scorefly.confined import read_file
from scorefly.fly.app import App
from scorefly.problems import InputError, Place, input_error
from scorefly.unconvert.meaning import folded, meaning

# A comparison of one of these is one of the whole.
_WHOLE = ("vm", "mounts", "files", "statics", "metrics", "restart", "machine_checks", "processes")


def fragment_between(generated: App, document: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the smallest fragment that makes the generated fly.toml mean what the document means.

    It is merged as a JSON merge patch: null takes a key out. `folder` is where the document's files are.
    """
    made = {key: value for key, value in generated.config.items() if key != "app"}
    desired = {key: value for key, value in folded(document).items() if key != "app"}
    before = meaning(made, _generated_content(generated))
    after = meaning(desired, _content(folder))
    if before == after:
        return {}
    fragment: dict[str, Any] = {}
    if before.get("services") != after.get("services"):
        fragment |= _services(made, desired)
    for key in sorted((made.keys() | desired.keys()) - {"http_service", "services"}):
        if before.get(key) == after.get(key):
            continue
        if isinstance(made.get(key), Mapping) and isinstance(desired.get(key), Mapping) and key not in _WHOLE:
            fragment[key] = _patch(made[key], desired[key])
        else:
            fragment[key] = desired.get(key)
    if "files" in fragment and desired.get("files"):
        fragment["files"] = [_inline(each, folder) for each in desired["files"]]
    return {key: value for key, value in fragment.items() if value != {} or key not in made}


def _services(made: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """Services of the document in place of the generated ones, by single keys where both have an http_service."""
    fragment: dict[str, Any] = {}
    as_http = _as_http(made, desired)
    if "http_service" in made and as_http is not None:
        if patch := _patch(made["http_service"], as_http):
            fragment["http_service"] = patch
        rest = desired.get("services") if "http_service" in desired else (desired.get("services") or [])[1:]
    else:
        if made.get("http_service") != desired.get("http_service"):
            fragment["http_service"] = desired.get("http_service")
        rest = desired.get("services")
    if meaning({"services": made.get("services") or []}) != meaning({"services": rest or []}):
        fragment["services"] = rest or None
    return fragment


def _as_http(made: Mapping[str, Any], desired: Mapping[str, Any]) -> Mapping[str, Any] | None:
    from scorefly.unconvert.service import http_of

    if "http_service" in desired:
        http: Mapping[str, Any] = desired["http_service"]
        return http
    first = (desired.get("services") or [{}])[0]
    return http_of(first) if "http_service" in made else None


def _patch(made: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch from one table to another, without what means the same."""
    patch: dict[str, Any] = {}
    for key in [*desired, *(key for key in made if key not in desired)]:
        one, other = made.get(key), desired.get(key)
        if _same(key, one, other):
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            patch[key] = _patch(one, other)
        else:
            patch[key] = other
    return patch


def _same(key: str, one: Any, other: Any) -> bool:
    from scorefly.unconvert.simple import seconds

    if one == other and type(one) is type(other):
        return True
    times = ("interval", "timeout", "grace_period", "wait_timeout", "release_command_timeout")
    if key in times and one is not None and other is not None:
        return seconds(one) is not None and seconds(one) == seconds(other)
    if key == "checks":
        return _same_checks(one, other)
    nothing: tuple[Any, ...] = ("", False, [], {}, None)
    zero = key in ("force_https", "processes", "checks", "machine_checks")
    return zero and one in nothing and other in nothing


def _same_checks(one: Any, other: Any) -> bool:
    return meaning({"http_service": {"checks": one or []}}) == meaning({"http_service": {"checks": other or []}})


def _inline(file: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a file of the fragment with its content: the fragment has no place for files. Raises InputError."""
    path = file.get("local_path")
    if not path:
        return dict(file)
    rest = {key: value for key, value in file.items() if key != "local_path"}
    try:
        return {**rest, "raw_value": read_file(folder, path, Place(path)).decode()}
    except UnicodeDecodeError as error:
        hint = "build it into the image, or mount it without files from secrets beside it"
        raise input_error(
            f"{path} is not text, and a fragment of fly.toml holds text only", hint, Place(path)
        ) from error


def _content(folder: Path) -> Callable[[str], object]:
    def content(path: str) -> object:
        try:
            return read_file(folder, path, Place(path))
        except InputError:
            return path

    return content


def _generated_content(app: App) -> Callable[[str], object]:
    def content(path: str) -> object:
        return app.files.get(path[path.find("files/") + len("files/") :], path)

    return content
