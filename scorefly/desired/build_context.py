"""Lists the files of a build context that the builder receives, each with a digest."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from scorefly.config.settings import Settings
from scorefly.confined import exists, is_folder, mode_and_link, open_file, read_file, root_of, shown, walk
from scorefly.desired.dockerignore import DockerIgnore, Matches
from scorefly.desired.git_context import read_git_context
from scorefly.fly.app import App, Build
from scorefly.problems import Place

MAX_SUMMARY = 400  # entries that state keeps per app
SHOWN = 3  # changed files that are named

_NOT_BUILT = {".git", ".scorefly"}
_CHUNK = 1 << 18


def with_built_files(settings: Settings, apps: Iterable[App]) -> tuple[App, ...]:
    """Return the apps with the files that their images are built from. Each context is read once."""
    files: dict[tuple[str, str, str], dict[str, str]] = {}

    def read(app: App, build: Build) -> App:
        key = (build.context, build.dockerfile, build.ignorefile)
        if key not in files:
            files[key] = built_files(settings, app)
        return replace(app, built=files[key])

    return tuple(read(app, app.image) if isinstance(app.image, Build) else app for app in apps)


def other_built_files(settings: Settings, app: App) -> dict[str, dict[str, str]]:
    """Return the files that the images of further containers are built from, by the container's name."""
    return {name: built_files(settings, replace(app, image=build)) for name, build in app.other_builds.items()}


def all_built_files(built: Mapping[str, str], others: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the files of all builds of an app; those of further containers begin with the container's name."""
    named = {f"{name}: {path}": digest for name, files in others.items() for path, digest in files.items()}
    return {**built, **named}


def built_files(settings: Settings, app: App) -> dict[str, str]:
    """Return the files that an app's image is built from, by path: the mode that git has for each, and its blob id.

    git's index is read where the context is in a checkout, and files only where they are not as git has them.
    `.dockerignore` counts as for Docker, and a `Dockerfile.dockerignore` comes first. The Dockerfile is always built
    from. An empty folder, which git does not keep, is included as `path/` where there is no checkout. Empty for an app
    whose image is given.
    """
    if not isinstance(app.image, Build):
        return {}
    context = _Context(settings, app.image)
    git = read_git_context(settings, context.folder, context.root)
    if git is None:
        context.walk("")
    else:
        context.add_known(git.known)
        for path in git.others:
            context.add_other(path.removesuffix("/"))
    return dict(sorted(context.finish().items()))


class _Context:
    """Gathers the files of one build context that the builder receives. Paths are relative to it, with `/`."""

    def __init__(self, settings: Settings, build: Build) -> None:
        self.folder = Path(os.path.normpath(settings.workspace / build.context))
        self.root = _root(settings, self.folder, build)
        self.dockerfile = "" if build.builder else build.dockerfile_in_context
        ignorefile = posixpath.relpath(build.ignorefile, build.context) if build.ignorefile else ""
        self.ignore = _read_ignore_file(self.root, self.folder, ignorefile, f"{self.dockerfile}.dockerignore")
        artefacts = os.path.normpath(settings.workspace / settings.artefacts)
        self.artefacts = os.path.relpath(artefacts, self.folder)
        self.files: dict[str, str] = {}
        self._folders: dict[str, _Folder | None] = {"": _Folder(ignored=True, matches=())}

    def add_known(self, known: Mapping[str, str]) -> None:
        """Add files whose digests are known, unless they are ignored."""
        folders, may_match = self._folders, self.ignore.may_match
        for path, digest in known.items():
            parent = path.rpartition("/")[0]
            folder = folders[parent] if parent in folders else self._enter(parent)
            # Most files match no pattern: they are told first.
            if folder is not None and (not (folder.may_match or may_match(path)) or self._receives(path, folder)):
                self.files[path] = digest

    def add_other(self, path: str) -> None:
        """Add a file, or all files below a folder, unless they are ignored or no longer there."""
        parent = self._enter(path.rpartition("/")[0])
        absolute = self.folder / path
        if parent is None or not exists(self.folder, path):
            return
        if not absolute.is_symlink() and is_folder(self.root, absolute):
            if self._enter(path) is not None:
                self.walk(path)
        elif self._receives(path, parent):
            self.files[path] = _digest(self.root, absolute)

    def walk(self, start: str) -> None:
        """Add all files below a folder; ignored folders are not entered."""
        for parent, folders, names in walk(self.folder / start):
            below = parent.relative_to(self.folder).as_posix() if parent != self.folder else ""
            here = self._enter(below)
            links = {name for name in folders if (parent / name).is_symlink()}
            prefix = f"{below}/" if below else ""
            # os.walk lists a link to a folder among the folders, and does not enter it.
            folders[:] = [name for name in folders if name not in links and self._enter(f"{prefix}{name}") is not None]
            kept = 0
            for name in sorted({*names, *links}):
                path = f"{prefix}{name}"
                if here is not None and self._receives(path, here):
                    self.files[path] = _digest(self.root, parent / name)
                    kept += 1
            if not kept and not folders and here is not None and not here.ignored:
                self.files[prefix] = ""

    def finish(self) -> dict[str, str]:
        """Add the Dockerfile where it is ignored or outside the context, and return all files."""
        name = self.dockerfile
        if name and name not in self.files and exists(self.folder, name):
            self.files[name] = _digest(self.root, Path(os.path.normpath(self.folder / name)))
        return self.files

    def _receives(self, path: str, folder: _Folder) -> bool:
        if path.rpartition("/")[2].lower() == ".git":
            return False
        if not folder.may_match and not self.ignore.may_match(path):
            return True
        return path == self.dockerfile or not self.ignore.match(path, folder.matches)[0]

    def _enter(self, path: str) -> _Folder | None:
        """Return how the patterns match a folder; None for one that the builder receives nothing of."""
        if path not in self._folders:
            parent, _, name = path.rpartition("/")
            above = self._enter(parent)
            folder = None
            if above is not None and name.lower() not in _NOT_BUILT and path != self.artefacts:
                ignored, matches = self.ignore.match(path, above.matches)
                if not ignored or self.ignore.may_include_below(path):
                    folder = _Folder(ignored, matches, any(matches))
            self._folders[path] = folder
        return self._folders[path]


class _Folder(Struct, frozen=True):
    ignored: bool
    matches: Matches
    may_match: bool = False


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
    """Return the mode and the id that git would give a file, so that it does not matter who computed it."""
    mode, link = mode_and_link(path)
    if link is not None:
        content = os.fsencode(link)
        return f"120000 {hashlib.sha1(_header(len(content)) + content, usedforsecurity=False).hexdigest()}"
    if not stat.S_ISREG(mode):
        return f"{mode:o}"
    with open_file(root, path, Place(shown(path.relative_to(root)))) as file:
        digest = hashlib.sha1(_header(os.fstat(file.fileno()).st_size), usedforsecurity=False)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return f"{'100755' if mode & stat.S_IXUSR else '100644'} {digest.hexdigest()}"


def _header(size: int) -> bytes:
    return f"blob {size}\0".encode()


def _short(entries: list[str]) -> str:
    return hashlib.sha256("\n".join(entries).encode("utf-8", "surrogateescape")).hexdigest()[:6]
