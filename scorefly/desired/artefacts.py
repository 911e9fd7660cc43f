"""Writes the artefacts: `<artefacts>/<environment>/<app>/fly.toml`, the files beside it, and those it mounts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from scorefly import safe_files
from scorefly.config.settings import Settings
from scorefly.fly.app import App, Build
from scorefly.fly.config import dump, dump_machine
from scorefly.problems import InputError, external_error

_HEADER = "scorefly wrote this for {owner}: change the Score file instead."
_WROTE = re.compile(rf"# {re.escape(_HEADER).replace(re.escape('{owner}'), '(.+)')}\n")


def artefact_folder(settings: Settings, app_name: str) -> Path:
    """Return where an app's artefact stands, relative to the workspace."""
    return Path(settings.artefacts, settings.environment, app_name)


def shown_folder(settings: Settings, app_name: str) -> str:
    """Return the artefact folder to report, which is empty where the folder is removed at the end of the run."""
    return "" if settings.scratch else artefact_folder(settings, app_name).as_posix()


def working_folder(settings: Settings, app: App) -> Path:
    """The absolute folder that paths in the app's fly.toml are relative to: its build context, or its artefact."""
    if isinstance(app.image, Build):
        return settings.workspace / app.image.context
    return settings.workspace / artefact_folder(settings, app.name)


def fly_toml(app: App) -> str:
    """The text of the app's fly.toml, the same bytes for the same app."""
    return dump(app.config, _HEADER.format(owner=app.owner))


def artefact_texts(app: App) -> dict[str, str]:
    """The artefact's own files by name, without those the app mounts."""
    machine = {"machine.json": dump_machine(app.machine)} if app.machine else {}
    return {"fly.toml": fly_toml(app), **machine}


def file_digests(app: App) -> dict[str, str]:
    """The files the app mounts by their path below `files/`, each as a digest of its content."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(app.files.items())}


def write_artefact(settings: Settings, app: App) -> Path:
    """Write one app's artefact over the previous one, and returns its folder relative to the workspace.

    Files of an earlier run that the app no longer mounts are removed. Only bytes that differ are written.
    """
    folder = artefact_folder(settings, app.name)
    root, below = _below(settings, app.name)
    try:
        # Before anything is written or removed: no stale file is looked for behind a link.
        safe_files.remove_others(root, below / "files", set(app.files))
        texts = artefact_texts(app)
        for name in ("fly.toml", "machine.json"):
            if name in texts:
                safe_files.write(root, below / name, texts[name].encode())
            else:
                safe_files.remove(root, below / name)
        for name, content in app.files.items():
            safe_files.write(root, below / "files" / name, content)
    except OSError as error:
        raise external_error(
            f"the artefact of {app.name} cannot be written: {error.strerror}",
            "check the folder given by artefacts, and its permissions",
        ) from error
    return folder


def remove_stale_artefacts(settings: Settings, desired: Collection[str], is_gone: Callable[[str], bool]) -> None:
    """Remove what scorefly wrote for other apps, if their owner is gone. What others put beside it stays."""
    root, below = _below(settings, "")
    for name in set(safe_files.list_names(root, below)) - set(desired):
        folder = below / name
        with suppress(OSError, InputError):
            match = _WROTE.match(safe_files.read(root, folder / "fly.toml").decode("utf-8", "replace"))
            if match is None or not is_gone(match[1]):
                continue
            safe_files.remove_others(root, folder / "files", ())
            safe_files.remove(root, folder / "machine.json")
            safe_files.remove(root, folder / "fly.toml")
            with suppress(FileNotFoundError):
                safe_files.remove_empty(root, folder / "files")
            safe_files.remove_empty(root, folder)


def write_plan(settings: Settings, text: str) -> Path:
    """Writes `plan.json` beside the apps' folders, and returns its path relative to the workspace."""
    path = artefact_folder(settings, "") / "plan.json"
    root, below = _below(settings, "plan.json")
    try:
        safe_files.write(root, below, text.encode())
    except OSError as error:
        raise external_error(
            f"{path} cannot be written: {error.strerror}", "check the folder given by artefacts"
        ) from error
    return path


def write_tree_plan(settings: Settings, text: str) -> Path:
    """Write the `plan.json` of a tree, which has the plan of every unit, and return its path."""
    path = Path(settings.artefacts, "plan.json")
    root, below = safe_files.locate(settings.workspace, path)
    try:
        safe_files.write(root, below, text.encode())
    except OSError as error:
        hint = "check the folder given by artefacts"
        raise external_error(f"{path} cannot be written: {error.strerror}", hint) from error
    return path


def _below(settings: Settings, name: str) -> tuple[Path, Path]:
    """Return the root of the environment's artefact folder, and an entry's path in which no link is followed."""
    root, below = safe_files.locate(settings.workspace, settings.artefacts, is_folder=True)
    return root, below / settings.environment / name
