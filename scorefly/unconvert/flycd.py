"""One app.yaml of FlyCD: a fly.toml in YAML with keys of FlyCD's, which become settings of the workload.

Source: FlyCD's `pkg/domain/model`. Its merge appends lists without duplicates; its substitutions are regular
expressions over the text of the file.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from msgspec import Struct, field

from scorefly.problems import Place, Problem, input_error
from scorefly.score.document import Document, Places, parse
from scorefly.unconvert.flycd_flags import read_flags
from scorefly.unconvert.flycd_keys import OWN_KEYS, without_invalid

APP_FILE = "app.yaml"
PROJECT_FILE = "project.yaml"


class FlycdApp(Struct):
    """An app.yaml as FlyCD reads it.

    `document` is the fly.toml in it. `workload` are settings of the workload in scorefly.yaml, `secrets` the names of
    secrets by variable, `files` what has to be beside the Score file, and `context` the folder that is built. Of
    `merged_files`, None means all files of the folder.
    """

    file: str
    folder: PurePosixPath
    document: dict[str, Any] = field(default_factory=dict)
    places: Places = field(default_factory=lambda: Places({}))
    workload: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    context: PurePosixPath | None = None
    is_remote: bool = False
    merged_files: tuple[str, ...] | None = ()
    org: str = ""
    spare_machines: bool | None = None
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, message: str, hint: str, *path: str | int) -> None:
        """Add something that FlyCD or scorefly cannot use."""
        self.problems.append(Problem(message, hint, self.places.at(*path)))

    def note(self, message: str, hint: str, *path: str | int) -> None:
        """Add something that was left out, or that a person has to do."""
        self.problems.append(Problem(message, hint, self.places.at(*path), "warning"))


class Common(Struct, frozen=True):
    """Settings of projects for all apps below them."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    substitutions: Mapping[str, str] = field(default_factory=dict)

    def below(self, inner: Mapping[str, Any]) -> Common:
        """Return what is for apps of a project inside this one."""
        return Common(
            merge(self.defaults, inner.get("app_defaults") or {}),
            merge(self.overrides, inner.get("app_overrides") or {}),
            {**self.substitutions, **{key: str(value) for key, value in (inner.get("substitutions") or {}).items()}},
        )


def merge(base: Any, over: Any) -> Any:
    """Merge as FlyCD does: mappings by key, lists appended without duplicates, null changes nothing."""
    if over is None or base is None:
        return base if over is None else over
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return {**base, **{key: merge(base.get(key), value) for key, value in over.items()}}
    if isinstance(base, list) and isinstance(over, list):
        return [*base, *(each for each in over if each not in base)]
    return over


def read_app(text: str, file: str, folder: PurePosixPath, common: Common) -> FlycdApp:
    """Read an app.yaml with what its projects say. Raises InputError for what is not YAML."""
    for pattern, replacement in common.substitutions.items():
        try:
            text = re.sub(pattern, _template(replacement), text)
        except (re.error, IndexError) as error:
            message = f"the substitution {pattern!r} cannot be applied: {error}"
            raise input_error(message, "apply it by hand, and remove it", Place(file)) from error
    own: Document = parse(text, file)
    app = FlycdApp(file, folder, places=own.places)
    data, findings = without_invalid(merge(merge(common.defaults, own.data), common.overrides))
    for finding in findings:
        app.wrong(f"{finding.where} {finding.message}", finding.hint, *finding.path)
    if findings:
        return app
    app.document = {key: value for key, value in data.items() if key not in OWN_KEYS}
    for key in ("app", "primary_region"):
        if not isinstance(data.get(key), str) or not data[key]:
            app.wrong(f"{key} is missing", "FlyCD requires it", key)
    _read_source(app, data)
    _read_scale(app, data)
    _read_volumes(app, data)
    _read_secrets(app, data)
    _read_addresses(app, data)
    org = data.get("org")
    app.org = org if isinstance(org, str) else ""
    read_flags(app, data)
    return app


def _template(replacement: str) -> str:
    """Write a replacement of Go's, with `$1` and `${name}` for groups, as Python's."""
    return re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", replacement.replace("\\", "\\\\"))


def _read_source(app: FlycdApp, data: Mapping[str, Any]) -> None:
    source = data.get("source")
    if not source:
        app.wrong("source is missing", "write `source: {type: local}`", "source")
        return
    kind, path = source.get("type"), str(source.get("path") or "")
    merged = data.get("merge_cfg") or {}
    app.merged_files = None if merged.get("all") else tuple(merged.get("include") or ())
    if kind == "git":
        app.is_remote = True
        if not source.get("repo"):
            app.wrong("source.repo is missing", "name the repository", "source", "repo")
            return
        app.workload["source"] = {"repo": source["repo"], **_ref(source.get("ref") or {})}
        if path:
            app.note("source.path is left out: FlyCD ignores it for a git source", "", "source", "path")
    elif kind == "inline-docker-file":
        if not source.get("inline"):
            app.wrong("source.inline is missing", "write the Dockerfile there", "source", "inline")
        app.files["Dockerfile"] = str(source.get("inline") or "")
    elif kind == "local":
        if path.startswith("/"):
            app.wrong(f"source.path {path!r} is absolute", "give a folder of this repository", "source", "path")
        elif path not in ("", "."):
            app.context = PurePosixPath(posixpath.normpath(app.folder / path))
    else:
        kinds = "git, local or inline-docker-file"
        app.wrong(f"source.type is {kind!r}", f"FlyCD has {kinds}", "source", "type")


def _ref(ref: Mapping[str, Any]) -> dict[str, str]:
    """FlyCD's precedence: commit, tag, branch."""
    for key in ("commit", "tag", "branch"):
        if ref.get(key):
            return {key: str(ref[key])}
    return {}


def _read_scale(app: FlycdApp, data: Mapping[str, Any]) -> None:
    machines = data.get("machines") or {}
    vm = {"memory_mb": machines.get("ram_mb"), "cpus": machines.get("cpu_cores"), "cpu_kind": machines.get("cpu_type")}
    if vm := {key: value for key, value in vm.items() if value}:
        app.document["vm"] = [vm]
    primary = data.get("primary_region")
    regions = [*([primary] if isinstance(primary, str) else []), *(data.get("extra_regions") or [])]
    by_region = machines.get("count_per_region") or {}
    if not (machines.get("count") or by_region or data.get("extra_regions")):
        return
    services = [data.get("http_service"), *_list(data.get("services"))]
    numbers = [each.get("min_machines_running") for each in services if isinstance(each, Mapping)]
    least = max([number for number in numbers if isinstance(number, int)], default=0)
    count: int = machines.get("count") or 0
    counts = {region: max(by_region.get(region, count), least, 1) for region in regions if region}
    app.workload["regions"] = counts


def _read_volumes(app: FlycdApp, data: Mapping[str, Any]) -> None:
    given = _list(data.get("mounts"))
    mounts = [dict(each) for each in given if isinstance(each, Mapping)]
    if mounts and len(mounts) == len(given):
        app.document["mounts"] = mounts
    for index, volume in enumerate(data.get("volumes") or []):
        mount = next((each for each in mounts if each.get("source") == volume.get("name")), None)
        if mount is None:
            app.note(f"volume {volume.get('name')!r} is left out: nothing mounts it", "", "volumes", index)
        elif volume.get("size_gb"):
            mount["initial_size"] = f"{volume['size_gb']}gb"
        if volume.get("count"):
            hint = "scorefly makes one for each Machine: state count or regions"
            app.note("volumes.count is left out", hint, "volumes", index, "count")


def _read_secrets(app: FlycdApp, data: Mapping[str, Any]) -> None:
    for index, secret in enumerate(data.get("secrets") or []):
        name = str(secret.get("name") or "")
        if secret.get("type") == "env":
            app.secrets[name] = str(secret.get("env") or name)
        elif secret.get("type") == "raw":
            hint = f"pass it with --secrets, and write `{{name: {name}, type: env}}`"
            app.wrong(f"secret {name!r} has its value in the file", hint, "secrets", index, "raw")
        else:
            app.wrong(f"secret {name!r} is of type {secret.get('type')!r}", "FlyCD has env and raw", "secrets", index)


def _read_addresses(app: FlycdApp, data: Mapping[str, Any]) -> None:
    network = data.get("network") or {}
    stated: list[dict[str, str]] = []
    for index, address in enumerate(network.get("ips") or []):
        kind = {"v4": "v4", "v6": "v6"}.get(address.get("v"))
        if kind is None:
            app.wrong("the version of an address is v4 or v6", "", "network", "ips", index)
            continue
        command = f"fly ips allocate-{kind}{' --shared' if address.get('shared') else ''}"
        command += " --private" if address.get("private") else ""
        command += "".join(f" --{key} {address[key]}" for key in ("region", "network", "org") if address.get(key))
        if address.get("network") or address.get("org"):
            hint = f"run `{command} -a {data.get('app')}` once: scorefly keeps addresses that it did not allocate"
            app.note("this address is not carried over", hint, "network", "ips", index)
            continue
        kind = f"private_{kind}" if address.get("private") else f"shared_{kind}" if address.get("shared") else kind
        stated.append({"type": kind, **({"region": address["region"]} if address.get("region") else {})})
    if any(each["type"] == "private_v6" or "region" in each for each in stated):
        app.workload["addresses"] = stated
    if network.get("auto_prune_ips"):
        hint = "scorefly releases only addresses that it allocated: see scorefly cleanup"
        app.note("network.auto_prune_ips is left out", hint, "network", "auto_prune_ips")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
