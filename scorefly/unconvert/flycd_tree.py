"""A tree of app.yaml and project.yaml files, walked as FlyCD walks it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Protocol

from msgspec import Struct, field

from scorefly.problems import InputError, Place, Problem
from scorefly.score.document import parse
from scorefly.unconvert.flycd import APP_FILE, PROJECT_FILE, Common, FlycdApp, read_app

_SKIPPED = (".git", ".actions", ".idea", ".vscode")
_PROJECTS = "projects"


class Folder(Protocol):
    """The files of a tree, by paths relative to its root."""

    def names(self, path: PurePosixPath) -> tuple[Sequence[str], Sequence[str]]:
        """Return the names of folders and of files; links are left out."""

    def text(self, path: PurePosixPath) -> str:
        """Return the text of a file. Raises InputError."""

    def shown(self, path: PurePosixPath) -> str:
        """Return a path as problems show it."""


class FlycdTree(Struct):
    """All apps, and the projects that are in other repositories, as `include` of scorefly.yaml."""

    apps: list[FlycdApp] = field(default_factory=list)
    includes: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def is_flycd(text: str, name: str) -> bool:
    """Decide whether a file is FlyCD's: an app.yaml names an app, a project.yaml a project."""
    try:
        data = parse(text, name).data
    except InputError:
        return False
    return ("app" if name == APP_FILE else "project") in data and name in (APP_FILE, PROJECT_FILE)


def read_tree(folder: Folder, start: PurePosixPath) -> FlycdTree:
    """Read all apps below a folder, each with the defaults and overrides of its projects."""
    tree = FlycdTree()
    _Walk(folder, tree).folder_and_below(start, Common())
    first: dict[str, FlycdApp] = {}
    for app in tree.apps:
        name = app.document.get("app")
        other = first.setdefault(str(name), app)
        if other is not app:
            message = f"two apps are called {name!r}: the other one is {other.places.at('app')}"
            tree.problems.append(Problem(message, "FlyCD deploys the first only: remove one", app.places.at("app")))
    return tree


class _Walk(Struct):
    folder: Folder
    tree: FlycdTree
    projects: dict[str, Place] = field(default_factory=dict)
    files: set[PurePosixPath] = field(default_factory=set)

    def folder_and_below(self, start: PurePosixPath, common: Common) -> None:
        """Read projects before apps: an app belongs to the project that leads to it first."""
        found = list(self._files(start))
        for path in found:
            if path.name == PROJECT_FILE:
                self._guarded(self._project, path, common)
        for path in found:
            if path.name == APP_FILE and path not in self.files:
                self.files.add(path)
                self._guarded(self._app, path, common)

    def _guarded(self, read: Callable[[PurePosixPath, Common], None], path: PurePosixPath, common: Common) -> None:
        try:
            read(path, common)
        except InputError as error:
            self.tree.problems += error.problems

    def _files(self, path: PurePosixPath) -> Iterator[PurePosixPath]:
        folders, files = self.folder.names(path)
        yield from (path / name for name in (APP_FILE, PROJECT_FILE) if name in files)
        below = [_PROJECTS] if _PROJECTS in folders else [name for name in folders if name not in _SKIPPED]
        for name in below:
            yield from self._files(path / name)

    def _app(self, path: PurePosixPath, common: Common) -> None:
        app = read_app(self.folder.text(path), self.folder.shown(path), path.parent, common)
        self.tree.apps.append(app)
        self.tree.problems += app.problems

    def _project(self, path: PurePosixPath, common: Common) -> None:
        document = parse(self.folder.text(path), self.folder.shown(path))
        data: Mapping[str, Any] = document.data
        name, source = str(data.get("project") or ""), data.get("source")
        if not name:
            self.tree.problems.append(Problem("project is missing", "name the project", document.places.at()))
            return
        if name in self.projects:
            return  # as FlyCD does: this is how it ends cycles
        self.projects[name] = document.places.at("project")
        if not isinstance(source, Mapping) or source.get("type") not in ("local", "git"):
            message = "source is missing" if not source else f"source.type is {source.get('type')!r}"
            self.tree.problems.append(Problem(message, "FlyCD has local and git", document.places.at("source")))
            return
        inner = common.below(data.get("common") or {})
        if source["type"] == "local":
            target = os.path.normpath(path.parent / str(source.get("path") or ""))
            self.folder_and_below(PurePosixPath(target), inner)
            return
        ref = source.get("ref") or {}
        chosen = next((key for key in ("commit", "tag", "branch") if ref.get(key)), "")
        include = {"repo": source.get("repo"), **({chosen: ref[chosen]} if chosen else {})}
        if source.get("path"):
            include["path"] = source["path"]
        self.tree.includes.append({"source": include})
        message = f"project {name!r} is in another repository, which has to be converted there"
        hint = "run `scorefly convert` in it; what this tree says for all apps has to be repeated there"
        place = document.places.at("source")
        self.tree.problems.append(
            Problem(message, hint if data.get("common") else hint.partition(";")[0], place, "warning")
        )
