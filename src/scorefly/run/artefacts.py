"""Writes the artefacts: `<artefacts>/<environment>/<app>/fly.toml`, what stands beside it, and the files it mounts."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from scorefly.fly.app import App, Build
from scorefly.fly.config import dump, dump_machine
from scorefly.problems import failed
from scorefly.run.settings import Settings


def artefact_folder(settings: Settings, app_name: str) -> Path:
    """Where an app's artefact stands, relative to the workspace."""
    return Path(settings.artefacts, settings.environment, app_name)


def working_folder(settings: Settings, app: App) -> Path:
    """The absolute folder that paths in the app's fly.toml are relative to: its build context, or its artefact."""
    if isinstance(app.image, Build):
        return settings.workspace / app.image.context
    return settings.workspace / artefact_folder(settings, app.name)


def fly_toml(app: App) -> str:
    """The text of the app's fly.toml, the same bytes for the same app."""
    return dump(app.config, f"scorefly wrote this for {app.owner}: change the Score file instead.")


def artefact_texts(app: App) -> dict[str, str]:
    """The artefact's own files by name, without those the app mounts."""
    machine = {"machine.json": dump_machine(app.machine)} if app.machine else {}
    return {"fly.toml": fly_toml(app), **machine}


def file_digests(app: App) -> dict[str, str]:
    """The files the app mounts by their path below `files/`, each as a digest of its content."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(app.files.items())}


def write_artefact(settings: Settings, app: App) -> Path:
    """Writes one app's artefact over what stands there, and returns its folder relative to the workspace.

    Files of an earlier run that the app no longer mounts are removed. Only bytes that differ are written.
    """
    folder = artefact_folder(settings, app.name)
    absolute = settings.workspace / folder
    _refuse_links_outside(settings, absolute)
    try:
        absolute.mkdir(parents=True, exist_ok=True)
        texts = artefact_texts(app)
        for name in ("fly.toml", "machine.json"):
            if name in texts:
                _write(absolute / name, texts[name].encode())
            else:
                (absolute / name).unlink(missing_ok=True)
        files = absolute / "files"
        if files.is_dir():
            _remove_others(files, {files / name for name in app.files})
        for name, content in app.files.items():
            path = files / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, content)
    except OSError as error:
        raise failed(
            f"the artefact of {app.name} cannot be written: {error.strerror}",
            "check the folder given by artefacts, and its permissions",
        ) from error
    return folder


def write_plan(settings: Settings, text: str) -> Path:
    """Writes `plan.json` beside the apps' folders, and returns its path relative to the workspace."""
    path = artefact_folder(settings, "") / "plan.json"
    absolute = settings.workspace / path
    _refuse_links_outside(settings, absolute.parent)
    try:
        absolute.parent.mkdir(parents=True, exist_ok=True)
        _write(absolute, text.encode())
    except OSError as error:
        raise failed(f"{path} cannot be written: {error.strerror}", "check the folder given by artefacts") from error
    ignore_working_files(settings.workspace)
    return path


def ignore_working_files(workspace: Path) -> None:
    """Keeps what scorefly writes below `.scorefly/` out of version control: state and its key above all."""
    folder = workspace / ".scorefly"
    path = folder / ".gitignore"
    if folder.is_dir() and not path.exists():
        path.write_text("/.gitignore\n/out/\n/state/\n/rehearsal/\n", encoding="utf-8")


def _refuse_links_outside(settings: Settings, folder: Path) -> None:
    """A link in the repository must not lead what is written to somewhere else on the machine."""
    if Path(settings.artefacts).is_absolute() or folder.resolve().is_relative_to(settings.workspace.resolve()):
        return
    raise failed(f"{folder} leads out of the workspace through a symbolic link", "remove the link")


def _write(path: Path, content: bytes) -> None:
    if path.is_symlink():
        path.unlink()
    elif path.is_file() and path.read_bytes() == content:
        return
    path.write_bytes(content)


def _remove_others(folder: Path, wanted: set[Path]) -> None:
    for parent, folders, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(parent, name)
            if path not in wanted:
                path.unlink()
        for name in folders:
            path = Path(parent, name)
            if path.is_symlink():
                path.unlink()
            elif not any(path.iterdir()):
                path.rmdir()
