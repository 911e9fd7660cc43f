"""The repositories of a tree: opened once for a run, with the credentials that scorefly.yaml names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scorefly import safe_files
from scorefly.config.access import access_entries
from scorefly.config.checkout import checkout
from scorefly.config.project_file import ProjectFile
from scorefly.config.settings import Settings
from scorefly.confined import CHECKOUTS, read_file, root_of
from scorefly.deployment.unit_digest import UNKNOWN_HOME
from scorefly.problems import InputError, Problem, ScoreflyError, external_error, input_error, option_place
from scorefly.project.tree import Fetch, Tree, read_tree
from scorefly.sources.access import Access
from scorefly.sources.repository import Pin, Source
from scorefly.sources.store import Store, cache_folder


@contextmanager
def open_store(settings: Settings, file: ProjectFile, problems: list[Problem]) -> Iterator[Store]:
    """Open the cache of repositories. Credentials that are not given are added to `problems`."""
    folder = cache_folder(settings.source_cache, settings.environ, option_place("source-cache"))
    if not folder.is_absolute():
        folder = settings.workspace / folder
    try:
        entries = access_entries(settings, file)
    except InputError as error:
        problems += [each for each in error.problems if each not in problems]
        entries = []
    with Access(entries, settings.environ) as access:
        yield Store(folder, access)


def open_tree(settings: Settings, file: ProjectFile, store: Store, *, offline: bool = False) -> Tree:
    """Read the projects of the tree; those of other repositories are put into folders of the workspace.

    With `offline` these are left out.
    """
    key = f"github.com/{settings.repository}" if settings.repository else ""
    return read_tree(settings.workspace, file, key, _no_fetch if offline else fetching(settings.workspace, store))


def _no_fetch(_folders: Mapping[Source, str]) -> dict[Source, Pin | Problem]:
    return {}


def fetching(workspace: Path, store: Store) -> Fetch:
    """Return a function that puts the files of sources into folders of the workspace."""

    def fetch(folders: Mapping[Source, str]) -> dict[Source, Pin | Problem]:
        found = store.find_commits(folders)
        failed = store.fetch(pin for pin in found.values() if isinstance(pin, Pin))
        for source, pin in found.items():
            if isinstance(pin, Problem):
                continue
            found[source] = failed.get(pin) or pin
            if pin not in failed:
                try:
                    check_out(store, pin, workspace, folders[source])
                except ScoreflyError as error:
                    found[source] = error.problems[0]
        return found

    return fetch


def check_out(store: Store, pin: Pin, workspace: Path, folder: str) -> None:
    """Put the files of a source into a folder of the workspace. Raises ExternalError, also without such a path."""
    if not store.tree_id(pin):
        key, path = pin.source.repository.key, pin.source.path
        raise external_error(f"{key} has no folder {path!r} at {pin.commit[:7]}", "check source.path", pin.source.place)
    safe_files.create(workspace, Path(CHECKOUTS, ".gitignore"), b"*\n")
    store.checkout(pin, workspace, Path(folder))


def add_files(settings: Settings, workload: str, folder: str) -> None:
    """Copy the files that the project adds to a source into its folder. Raises InputError."""
    config = settings.config(workload)
    for path, file in config.add.items():
        place = config.place("add", path)
        root = root_of(settings.workspace, settings.folder)
        content = read_file(root, settings.workspace / settings.folder / file, place)
        try:
            safe_files.write(settings.workspace, Path(folder, path), content)
        except OSError as error:
            raise input_error(f"{path} cannot be added to the source: {error.strerror}", "", place) from error


def home_tree(settings: Settings) -> str:
    """Return git's id of the files of the workspace; `?` where some are not in its last commit."""
    try:
        git = checkout(settings)
        tree = git.run("rev-parse", "--verify", "--quiet", "HEAD^{tree}")
        status = git.run("status", "--porcelain", "--untracked-files=normal")
    except ScoreflyError:
        return UNKNOWN_HOME
    return UNKNOWN_HOME if tree.code or status.code or status.output else tree.text
