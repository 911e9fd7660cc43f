"""Lists the files of a build context that the builder receives, each with a digest."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Mapping
from pathlib import Path

from scorefly.config.settings import Settings
from scorefly.confined import exists, mode_and_link, open_file, read_file, root_of, shown, walk
from scorefly.desired.dockerignore import DockerIgnore, Matches
from scorefly.fly.app import App, Build
from scorefly.problems import Place

MAX_SUMMARY = 400  # entries that state keeps per app
SHOWN = 3  # changed files that are named

_NOT_BUILT = {".git", ".scorefly"}


def built_files(settings: Settings, app: App) -> dict[str, str]:
    """Return the files that an app's image is built from, by path, with a digest of mode and content or link target.

    `.dockerignore` counts as for Docker, and a `Dockerfile.dockerignore` comes first. The Dockerfile is always built
    from. A folder that has nothing in it is there as `path/`. Empty for an app whose image is given.
    """
    if not isinstance(app.image, Build):
        return {}
    folder = settings.workspace / app.image.context
    folder = Path(os.path.normpath(folder))
    root = _root(settings, folder, app.image)
    dockerfile = app.image.dockerfile_in_context
    ignorefile = posixpath.relpath(app.image.ignorefile, app.image.context) if app.image.ignorefile else ""
    ignore = _read_ignore_file(root, folder, ignorefile, f"{dockerfile}.dockerignore")
    artefacts = settings.workspace / settings.artefacts
    files: dict[str, str] = {}
    entered: dict[Path, tuple[bool, Matches]] = {folder: (True, ())}
    for parent, folders, names in walk(folder):
        is_ignored, here = entered.pop(parent)
        kept = 0
        for name in sorted(folders):
            path = parent / name
            relative = path.relative_to(folder).as_posix()
            ignored, matches = ignore.match(relative, here)
            if name.lower() in _NOT_BUILT or path == artefacts or (ignored and not ignore.may_include_below(relative)):
                continue
            if path.is_symlink():
                # os.walk lists a link to a folder among the folders, and does not enter it.
                names.append(name)
            else:
                entered[path] = (ignored, matches)
        folders[:] = [name for name in folders if parent / name in entered]
        for name in sorted(name for name in names if name.lower() != ".git"):
            path = parent / name
            relative = path.relative_to(folder).as_posix()
            if relative == dockerfile or not ignore.match(relative, here)[0]:
                files[relative] = _digest(root, path)
                kept += 1
        if not kept and not folders and not is_ignored:
            files[f"{parent.relative_to(folder).as_posix()}/"] = ""
    if not app.image.builder and dockerfile not in files and exists(folder, dockerfile):
        files[dockerfile] = _digest(root, folder / dockerfile)
    return files


def summarised(files: Mapping[str, str]) -> dict[str, str]:
    """Return the files as state keeps them: short digests, and folders in place of too many files."""
    depth = max((path.count("/") for path in files), default=0)
    while True:
        groups: dict[str, list[str]] = {}
        for path, digest in files.items():
            parts = path.split("/")
            short = path if len(parts) <= depth + 1 else "/".join([*parts[: depth + 1], ""])
            groups.setdefault(short, []).append(f"{path}\0{digest}")
        if len(groups) <= MAX_SUMMARY or not depth:
            break
        depth -= 1
    kept = sorted(groups)[:MAX_SUMMARY]
    return {shown(path): _short(groups[path]) for path in kept}


def changed_files(before: Mapping[str, str], files: Mapping[str, str]) -> str:
    """Return the names of the first files that differ from a summary; empty where it does not tell."""
    after = summarised(files)
    if not before:
        return ""
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
    return ", ".join(changed[:SHOWN]) + more


def _root(settings: Settings, folder: Path, build: Build) -> Path:
    """Return the folder that everything is read below: the workspace, or where context and Dockerfile both are."""
    if folder.is_relative_to(settings.workspace):
        root = root_of(settings.workspace, folder)
        if root != settings.workspace:
            return root
    needed = [folder, Path(os.path.normpath(settings.workspace / build.dockerfile)).parent]
    if all(each.is_relative_to(settings.workspace) for each in needed):
        return settings.workspace
    return Path(os.path.commonpath(needed))


def _read_ignore_file(root: Path, folder: Path, *names: str) -> DockerIgnore:
    for name in (*names, ".dockerignore"):
        if name and exists(folder, name):
            content = read_file(root, folder / name, Place(name))
            return DockerIgnore(content.decode("utf-8", "surrogateescape"))
    return DockerIgnore("")


def _digest(root: Path, path: Path) -> str:
    mode, link = mode_and_link(path)
    digest = hashlib.sha256(f"{mode:o}\0{link or ''}".encode("utf-8", "surrogateescape"))
    if stat.S_ISREG(mode):
        with open_file(root, path, Place(shown(path.relative_to(root)))) as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _short(entries: list[str]) -> str:
    return hashlib.sha256("\n".join(entries).encode("utf-8", "surrogateescape")).hexdigest()[:6]
