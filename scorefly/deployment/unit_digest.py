"""Decide whether everything that a unit deploys is as its last sync left it, without its files and without a lock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from scorefly import __version__
from scorefly.config.settings import Settings
from scorefly.confined import is_glob, match_files, read_file
from scorefly.deployment.digest import METADATA_KEY, machines_digest
from scorefly.deployment.machine_counts import app_machines, deployed_app, listed_as_complete
from scorefly.deployment.ownership import OWNER_KEY, owner_mark
from scorefly.fly.api.machines import MachineView
from scorefly.problems import Place, ScoreflyError
from scorefly.state.document import AppState, EnvironmentState, fingerprint
from scorefly.state.snapshot import unpack

_OPTIONS = (
    *("environment", "stage", "org", "region", "app_prefix", "app_suffix", "variables", "provisioners", "ha"),
    *("auto_stop", "strategy", "deploy_args", "build_args", "unused_secrets", "keep_secrets", "unsupported"),
    *("checkouts", "score_files", "repository"),
)


UNKNOWN_HOME = "?"


def unit_digest(settings: Settings, state: EnvironmentState, trees: Mapping[str, str], home: str) -> str:
    """Return a digest of what a unit deploys. `trees` are git's ids of the sources by workload, and `home` of this one.

    Empty where it cannot be told without deploying: then a provisioner outside has to be asked, or another environment
    for its images.
    """
    if home == UNKNOWN_HOME or settings.images_from:
        return ""
    if any(each.provisioner.startswith(("cmd://", "http://", "https://")) for each in state.resources.values()):
        return ""
    try:
        files = {name: _digest(read_file(settings.workspace, name, Place(name))) for name in _config_files(settings)}
    except ScoreflyError:
        return ""
    data: dict[str, Any] = {name: getattr(settings, name) for name in _OPTIONS}
    data |= {
        "version": __version__,
        "images": [settings.images.default, dict(settings.images.by_name)],
        "build": {name: repr(spec) for name, spec in settings.build.items()},
        "granted": {name: sorted(names) for name, names in settings.granted.items()},
        "secrets": {name: fingerprint(state.seed, name, value) for name, value in settings.secrets.items()},
        "workloads": {name: dict(config.data) for name, config in settings.workloads.items()},
        "files": files,
        "trees": dict(trees),
        "home": home,
    }
    for workload in data["workloads"].values():
        # Its files count, and not where they are from.
        source = workload.pop("source", None) or {}
        workload |= {key: True for key in ("submodules", "lfs") if source.get(key) is True}
    return _digest(json.dumps(data, sort_keys=True, default=_plain).encode())


def runs_as_deployed(settings: Settings, state: EnvironmentState, live: Mapping[str, Sequence[MachineView]]) -> bool:
    """Report whether all apps of a unit run as its state says, as far as the listing of the organization tells."""
    return all(_runs(settings, app, app_machines(live.get(app.name, ()))) for app in state.apps.values())


def _runs(settings: Settings, app: AppState, machines: Sequence[MachineView]) -> bool:
    record = unpack(app.record)
    if not app.digest or record is None or len(machines) < max(1, record.machines):
        return False
    marks = {METADATA_KEY: machines_digest(app.digest), OWNER_KEY: owner_mark(settings, app.owner)}
    if not all(marks.items() <= machine.metadata.items() for machine in machines):
        return False
    return not record.removing and listed_as_complete(deployed_app(app, record), settings.ha, machines)


def _config_files(settings: Settings) -> list[str]:
    """Files of the project that count beside Score files: provisioners, overlays, fragments and files to add."""
    folder = PurePosixPath(settings.folder)
    patterns = [each for each in settings.provisioners if "://" not in each]
    patterns += [(folder / ".scorefly" / "overlay*").as_posix(), *(each.file for each in settings.overrides.values())]
    for config in settings.workloads.values():
        patterns += [(folder / name).as_posix() for name in config.add.values()]
    files: set[str] = set()
    for pattern in patterns:
        files.update(match_files(settings.workspace, pattern, Place(pattern)) if is_glob(pattern) else [pattern])
    return sorted(files)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _plain(value: object) -> object:
    return (
        sorted(value)
        if isinstance(value, set | frozenset)
        else dict(value)
        if isinstance(value, Mapping)
        else str(value)
    )
