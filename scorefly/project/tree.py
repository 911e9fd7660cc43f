"""Reads the projects of a tree: the root's scorefly.yaml, and those that it includes."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from msgspec import Struct, field
from msgspec.structs import replace

from scorefly.config.project_file import ENVIRONMENTS, ProjectFile, read_project_file
from scorefly.config.tree_file import Include, parse_include
from scorefly.config.tree_keys import parse_project
from scorefly.confined import CHECKOUTS, exists, root_of
from scorefly.problems import InputError, Place, Problem
from scorefly.sources.repository import Pin, Source

MAX_PROJECTS = 1000
INCLUDED = ".include"  # the folder of included repositories, among those of environments
PROJECT_FILE = "scorefly.yaml"

# Puts the files of each source into a folder, relative to the workspace. Returns its commit, or what failed.
Fetch = Callable[[Mapping[Source, str]], Mapping[Source, Pin | Problem]]


class Project(Struct, frozen=True):
    """One project: its name (the root may have none), its file, and the names from the root down to it.

    `granted` are the secrets that a project of another repository may give to its workloads; None means all.
    `provisioners` says whether its provisioner files count. `identities` tell includes that never end.
    """

    name: str
    file: ProjectFile
    place: Place
    chain: tuple[str, ...]
    granted: frozenset[str] | None = None
    provisioners: bool = True
    identities: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Its folder, relative to the workspace."""
        return self.file.folder

    def environments(self, all_of_tree: Sequence[str]) -> list[str]:
        """Return the environments of the tree that the project is deployed to: all, unless its file names some."""
        if self.file.value(ENVIRONMENTS) is None:
            return list(all_of_tree)
        return [name for name in all_of_tree if self.file.has_environment(name)]


class Tree(Struct):
    """The projects that could be read, the root first.

    `problems` are invalid input, `unreadable` what failed outside, `pins` the commits of included repositories.
    """

    projects: list[Project] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unreadable: list[Problem] = field(default_factory=list)
    pins: dict[Source, Pin] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Report whether every project was read."""
        return not self.unreadable

    def environments(self) -> list[str]:
        """Return the environments by name: those of the root, else those of the projects it includes."""
        for projects in (self.projects[:1], self.projects[1:]):
            names = dict.fromkeys(
                name for each in projects for name in each.file.environments if not any(sign in name for sign in "*?[")
            )
            if names:
                return list(names)
        return []


def read_tree(workspace: Path, root: ProjectFile, repository: str, fetch: Fetch) -> Tree:
    """Read the root's project and all that it includes, level by level. Everything that is wrong is in the result.

    `repository` is the key of the root's own repository.
    """
    tree = Tree()
    name = _project_name(root, "")
    place = Place(root.places.file or PROJECT_FILE)
    level = [Project(name, root, place, (name or place.file,), identities=(root.folder, repository))]
    while level:
        tree.projects += level
        if len(tree.projects) > MAX_PROJECTS:
            hint = "include fewer projects"
            tree.problems.append(Problem(f"there are more than {MAX_PROJECTS} projects", hint, level[0].place))
            break
        includes = [(project, include) for project in level for include in _includes(project)]
        checkouts = {each.source: checkout_folder(each.source) for _, each in includes if each.source}
        fetched = fetch(checkouts) if checkouts else {}
        found = [_read(workspace, project, include, fetched, tree) for project, include in includes]
        level = [each for each in found if each]
    _check_names(tree)
    return tree


def _includes(project: Project) -> tuple[Include, ...]:
    """Return the includes of a project that are valid: reading the file added the problems of the others."""
    value = project.file.value("include")
    if value is None or not isinstance(value.data, list):
        return ()
    found: list[Include] = []
    for index in range(len(value.data)):
        with suppress(InputError):
            found.append(parse_include(value, index))
    return tuple(found)


def _read(
    workspace: Path, parent: Project, include: Include, fetched: Mapping[Source, Pin | Problem], tree: Tree
) -> Project | None:
    """Read one included project; None where that is not possible, with the reason in `tree`."""
    granted, provisioners = parent.granted, parent.provisioners
    if include.source:
        pin = fetched.get(include.source)
        if pin is None:
            return None
        if isinstance(pin, Problem):
            tree.unreadable.append(pin)
            return None
        tree.pins[include.source] = pin
        path = checkout_folder(include.source)
        identity = shown = f"{include.source.repository.key}/{include.source.path}".rstrip("/")
        secrets = frozenset(include.secrets)
        granted = secrets if granted is None else granted & secrets
        provisioners = provisioners and include.provisioners
    else:
        path = identity = shown = os.path.normpath(f"{parent.folder}/{include.path}")
        bound = root_of(workspace, parent.folder)
        if not Path(os.path.normpath(workspace / path)).is_relative_to(bound):
            message, hint = f"include: {include.path!r} is outside the repository", "give a folder of the repository"
            tree.problems.append(Problem(message, hint, include.place))
            return None
    is_file = path.endswith((".yaml", ".yml"))
    name, folder = (path, PurePosixPath(path).parent.as_posix()) if is_file else (f"{path}/{PROJECT_FILE}", path)
    name = os.path.normpath(name)
    if identity in parent.identities or (folder in parent.identities and not is_file):
        chain = " -> ".join((*parent.chain, shown))
        tree.problems.append(Problem(f"projects include each other: {chain}", "remove one include", include.place))
        return None
    if not exists(workspace, name):
        tree.problems.append(Problem(f"include: there is no file {name}", "check the path", include.place))
        return None
    before = len(tree.problems)
    file = read_project_file(workspace, name, named=True, outside=False, problems=tree.problems)
    if len(tree.problems) > before and not file.data:
        return None
    file = replace(file, folder=folder, parent=parent.file)
    own = _project_name(file, _default_name(shown))
    names = (*parent.chain, own)
    return Project(own, file, include.place, names, granted, provisioners, (*parent.identities, identity, folder))


def checkout_folder(source: Source) -> str:
    """Return where the files of an included repository are: the same for the same folder of it, at any ref."""
    text = f"{source.repository.key}/{source.path}"
    readable = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[-40:].strip("-")
    return (CHECKOUTS / INCLUDED / f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:8]}").as_posix()


def _default_name(shown: str) -> str:
    path = PurePosixPath(shown)
    name = path.parent.name if path.name == PROJECT_FILE else path.name.partition(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:31] or "project"


def _project_name(file: ProjectFile, default: str) -> str:
    value = file.value("project")
    try:
        return parse_project(value) if value else default
    except InputError:
        return default  # reading the file added the problem


def _check_names(tree: Tree) -> None:
    """Refuse two projects of one name: their units could not be told apart."""
    first: dict[str, Project] = {}
    for project in tree.projects:
        other = first.setdefault(project.name, project)
        if other is not project:
            message = f"two projects are called {project.name!r}; the other one is at {_name_place(other)}"
            tree.problems.append(Problem(message, "set project in one of them", _name_place(project)))


def _name_place(project: Project) -> Place:
    value = project.file.value("project")
    return value.place if value else project.place
