"""Secrets, files and settings of the workload that an app of FlyCD adds to its converted fly.toml."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from scorefly.unconvert.flycd import APP_FILE, FlycdApp

SCORE_IN_SOURCE = "scorefly.score.yaml"


def with_secrets(score: dict[str, Any], container: str, app: FlycdApp) -> dict[str, Any]:
    """Return the Score file with its secrets: each is a resource, read by a variable."""
    if not app.secrets:
        return score
    resources, variables = dict(score.get("resources", {})), dict(score["containers"][container].get("variables", {}))
    for variable, secret in app.secrets.items():
        name = re.sub(r"[^a-z0-9]+", "-", variable.lower()).strip("-") or "secret"
        name = name if len(name) > 1 and name not in resources else f"secret-{name}"
        resources[name] = {"type": "secret", "params": {"name": secret}}
        variables[variable] = f"${{resources.{name}.value}}"
    main = {**score["containers"][container], "variables": variables}
    return {**score, "containers": {**score["containers"], container: main}, "resources": resources}


def score_file(app: FlycdApp, name: str, default: str) -> str:
    """Return the name of the Score file; that of another repository's app is not found by a walk of this one."""
    return f"{name}.workload.yaml" if app.is_remote else default


def workload_settings(app: FlycdApp, file: PurePosixPath, beside: Sequence[str]) -> dict[str, Any]:
    """Return the settings of a workload in scorefly.yaml; `beside` are the files in the folder of app.yaml."""
    settings = dict(app.workload)
    merged = _merged(app, beside)
    if app.is_remote:
        settings["score-file"] = SCORE_IN_SOURCE
        settings["add"] = {
            SCORE_IN_SOURCE: file.as_posix(),
            **{each: (app.folder / each).as_posix() for each in merged},
        }
        if app.secrets:
            settings["secrets"] = sorted(set(app.secrets.values()))
    elif app.context is not None:
        others = [each for each in merged if each != "Dockerfile"]
        if others:
            where = os.path.normpath(app.context)
            hint = f"copy them into {where}"
            app.note(
                f"merge_cfg: {', '.join(others)} cannot be added to a folder of this repository", hint, "merge_cfg"
            )
        if "Dockerfile" in merged:
            path = os.path.relpath(app.folder / "Dockerfile", app.context)
            settings["builds"] = {"main": {"context": os.path.normpath(app.context), "dockerfile": path}}
    return settings


def name_organizations(apps: Sequence[FlycdApp]) -> None:
    """Add the organization to the settings of each workload, where they are in several."""
    if len({app.org for app in apps} - {""}) > 1:
        for app in apps:
            if app.org:
                app.workload["org"] = app.org


def common_options(apps: Sequence[FlycdApp]) -> dict[str, Any]:
    """Return options for the whole run: what all apps say of their organization and of spare Machines."""
    options: dict[str, Any] = {}
    orgs = {app.org for app in apps} - {""}
    if len(orgs) == 1:
        options["org"] = min(orgs)
    spare = {app.spare_machines for app in apps}
    if spare == {False}:
        options["ha"] = False
    return options


def _merged(app: FlycdApp, beside: Sequence[str]) -> tuple[str, ...]:
    if app.merged_files is not None:
        return app.merged_files
    return tuple(name for name in beside if name not in (APP_FILE, "project.yaml") and not _is_ours(name))


def _is_ours(name: str) -> bool:
    return name.endswith((".score.yaml", ".workload.yaml")) or name in ("score.yaml", "scorefly.yaml")


def merged_settings(own: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Merge settings of a workload by key; builds by container."""
    merged = {**own, **other}
    if "builds" in own and "builds" in other:
        merged["builds"] = {
            name: {**own["builds"].get(name, {}), **other["builds"].get(name, {})}
            for name in {**own["builds"], **other["builds"]}
        }
    return merged
