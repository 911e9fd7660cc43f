"""Finds what Fly would refuse of an app, before Fly is called."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from scorefly.config.settings import Settings
from scorefly.confined import exists, open_file, resolve, shown
from scorefly.convert.overlay import Overlay
from scorefly.convert.places import place_of
from scorefly.desired.artefacts import artefact_folder, working_folder
from scorefly.desired.builds import repository_root
from scorefly.fly.app import App
from scorefly.fly.check.checker import check
from scorefly.fly.check.finding import DOCUMENT, Finding
from scorefly.fly.strategy import effective_strategy
from scorefly.problems import InputError, Place, Problem, input_error, option_place
from scorefly.score.workload import Workload


def fly_problems(
    settings: Settings, app: App, source: Workload | Place, overlays: Sequence[Overlay] = ()
) -> list[Problem]:
    """Find what Fly would refuse of an app; `source` is what it was made of."""
    folder = settings.workspace / artefact_folder(settings, app.name)
    config = app.config
    strategy = effective_strategy(settings.strategy, has_volumes=bool(app.volumes))
    if strategy and isinstance(deploy := config.get("deploy", {}), Mapping):
        config = {**config, "deploy": {**deploy, "strategy": strategy}}
    names = [*(["machine.json"] if app.machine else []), *(f"files/{name}" for name in app.files)]
    beside = {os.path.relpath(folder / name, working_folder(settings, app)) for name in names}
    return [
        Problem(
            f"{Path(finding.document).name} of {app.name}: {finding.where}: {finding.message}",
            finding.hint,
            option_place("strategy")
            if strategy and finding.path == ("deploy", "strategy")
            else source
            if isinstance(source, Place)
            else _blamed(source, app, finding, overlays),
            finding.severity,
        )
        for finding in (*check(config, app.machine or None, beside), *_build_findings(settings, app))
    ]


def _build_findings(settings: Settings, app: App) -> list[Finding]:
    """Report files of `[build]` that flyctl would read, and that are not regular files of the workspace."""
    build = app.config.get("build")
    if not isinstance(build, Mapping):
        return []
    found = []
    if build.get("compose"):
        hint = "describe the containers in the Score file"
        found.append(Finding(("build", "compose"), "makes flyctl read files that scorefly did not check", hint))
    for key in ("dockerfile", "ignorefile"):
        name = build.get(key)
        if not isinstance(name, str) or not name:
            continue
        try:
            if Path(name).is_absolute():
                raise input_error(f"{shown(name)} is an absolute path", "give a path relative to the build context")
            root = repository_root(settings, app.image if isinstance(app.image, str) else app.image.context)
            path = Path(os.path.normpath(settings.workspace / artefact_folder(settings, app.name) / name))
            resolve(root, path, Place(name))
            if exists(root, path):
                open_file(root, path, Place(name)).close()
        except InputError as error:
            found += [Finding(("build", key), problem.message, problem.hint) for problem in error.problems]
    return found


def _blamed(source: Workload, app: App, finding: Finding, overlays: Sequence[Overlay]) -> Place:
    """The last overlay that says something of it, else the Score file."""
    for overlay in reversed(overlays):
        if finding.document == DOCUMENT and finding.path[:1] and finding.path[0] in overlay.config:
            return Place(overlay.file)
    return place_of(source, app, finding)
