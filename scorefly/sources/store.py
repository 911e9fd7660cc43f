"""A cache of bare repositories: where refs are, what is in their commits, and files of them put into folders."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from scorefly import interruption, safe_files
from scorefly.git.process import Done, Git
from scorefly.problems import ExternalError, Place, Problem, ScoreflyError, external_error
from scorefly.sources.access import Access
from scorefly.sources.failures import fetch_failure, is_reachable, missing_commit
from scorefly.sources.lfs import fetch_lfs_files
from scorefly.sources.repository import Pin, Repository, Source
from scorefly.sources.submodules import check_depth, find_submodules
from scorefly.sources.versions import highest_version, is_pattern

AT_ONCE = 16  # servers asked at a time
_RETRY = 1.0  # seconds before a server that failed is asked again
_PINS = "refs/pins"
_KEPT = 20  # commits of a repository that stay in the cache

T = TypeVar("T")
R = TypeVar("R")


class Answer(Struct, frozen=True):
    """The refs of one repository, or the problem with it."""

    refs: Mapping[str, str]
    problem: Problem | None = None


class Store:
    """Bare repositories below `folder`, one for each key. Safe for several threads and processes."""

    def __init__(self, folder: Path, access: Access) -> None:
        self._folder = folder
        self._access = access

    def token(self, repository: Repository) -> str:
        """Return the token for a repository; empty where there is none."""
        entry = self._access.entry(repository)
        return entry.token if entry else ""

    def find_commits(self, sources: Iterable[Source]) -> dict[Source, Pin | Problem]:
        """Find the commit of each source, with one request for each repository that has refs to look up."""
        by_repository: dict[Repository, list[Source]] = {}
        found: dict[Source, Pin | Problem] = {}
        for source in dict.fromkeys(sources):
            if source.ref.kind == "commit":
                found[source] = Pin(source, source.ref.name, source.ref.name)
            else:
                by_repository.setdefault(source.repository, []).append(source)
        answers = parallel(lambda each: self.refs(each, by_repository[each]), by_repository)
        for repository, answer in answers.items():
            for source in by_repository[repository]:
                problem = answer.problem and replace(answer.problem, place=source.place)
                found[source] = problem or _pin(source, answer.refs)
        return found

    def refs(self, repository: Repository, sources: Sequence[Source] = ()) -> Answer:
        """Ask the server for the refs that sources name; for the default branch if there are none."""
        try:
            git = self._git(repository)
            done = self._ask(git, "ls-remote", "--quiet", repository.url, *sorted(set(_patterns(sources)) or {"HEAD"}))
        except ScoreflyError as error:
            return Answer({}, error.problems[0])
        if done.code:
            return Answer({}, fetch_failure(repository, done))
        pairs = (line.partition("\t") for line in done.text.splitlines())
        return Answer({name: commit for commit, _, name in pairs})

    def fetch(self, pins: Iterable[Pin]) -> dict[Pin, Problem]:
        """Download the files of commits that the cache lacks. Returns the problem of each pin that failed."""
        by_repository: dict[Repository, list[Pin]] = {}
        for pin in dict.fromkeys(pins):
            by_repository.setdefault(pin.source.repository, []).append(pin)
        failed = parallel(lambda each: self._fetch(each, by_repository[each]), by_repository)
        return {pin: problem for problems in failed.values() for pin, problem in problems.items()}

    def tree_id(self, pin: Pin) -> str:
        """Return git's id of the files below the pin's path; empty where there is no such folder."""
        done = self._local(pin).run("cat-file", "--batch-check", content=f"{_tree(pin)}\n".encode())
        name, kind, *_ = (*done.text.split(), "", "")
        return name if not done.code and kind == "tree" else ""

    def read(self, pin: Pin, path: str) -> bytes | None:
        """Return the content of a file of a commit; None where there is none."""
        done = self._local(pin).run("cat-file", "blob", f"{pin.commit}:{path}")
        return None if done.code else done.output

    def checkout(self, pin: Pin, root: Path, folder: Path, depth: int = 0) -> None:
        """Replace what is in a folder, relative to `root`, by the files below the pin's path. Raises ExternalError.

        Raises InputError for submodules and LFS files that cannot be read. `depth` counts submodules in submodules.
        """
        try:
            safe_files.make_folders(root, folder)
            safe_files.remove_others(root, folder, ())
            with tempfile.TemporaryDirectory(prefix="scorefly-index-") as temporary:
                variables = {"GIT_INDEX_FILE": f"{temporary}/index", "GIT_WORK_TREE": str(root / folder)}
                local = self._local(pin)
                git = replace(local, folder=root / folder, variables={**local.variables, **variables})
                git.must("read-tree", _tree(pin))
                git.must("checkout-index", "--all", "--force", "--quiet")
            if pin.source.lfs:
                entry, cache = self._access.entry(pin.source.repository), self._path(pin.source.repository)
                fetch_lfs_files(pin, entry, root, folder, cache / "lfs")
            if pin.source.submodules:
                self._checkout_submodules(pin, root, folder, depth + 1)
        except OSError as error:
            hint = "check the disk, and the permissions of .scorefly"
            raise external_error(f"{folder} cannot be written: {error.strerror}", hint, pin.source.place) from error

    def _checkout_submodules(self, pin: Pin, root: Path, folder: Path, depth: int) -> None:
        found = find_submodules(self._local(pin), pin)
        if found:
            check_depth(pin, depth)
        for path, each in found.items():
            if problem := self._fetch(each.source.repository, [each]).get(each):
                raise ExternalError(problem)
            self.checkout(each, root, folder / path, depth)

    def _fetch(self, repository: Repository, pins: Sequence[Pin]) -> dict[Pin, Problem]:
        try:
            git = self._git(repository)
            with _locked(git.folder):
                missing = [pin for pin in pins if not _has(git, pin.commit)]
                if not missing:
                    return {}
                done = self._get(git, repository, [pin.commit for pin in missing])
                problems = {pin: missing_commit(pin, done) for pin in missing if not _has(git, pin.commit)}
                _forget_old(git, {pin.commit for pin in pins})
        except ScoreflyError as error:
            return {pin: replace(error.problems[0], place=pin.source.place) for pin in pins}
        return problems

    def _get(self, git: Git, repository: Repository, commits: Sequence[str]) -> Done:
        """Get commits without their history; from a server that gives no single commits, all of it."""
        flags = ("--quiet", "--no-tags", "--no-write-fetch-head", "--force")
        desired = [f"+{commit}:{_PINS}/{commit}" for commit in dict.fromkeys(commits)]
        done = self._ask(git, "fetch", "--depth=1", *flags, repository.url, *desired)
        if done.code and is_reachable(done):
            # One that is gone makes git get none of them.
            for each in desired if len(desired) > 1 else ():
                done = git.run("fetch", "--depth=1", *flags, repository.url, each)
            if any(not _has(git, commit) for commit in commits):
                everything = ("+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*")
                unshallow = ["--unshallow"] if (git.folder / "shallow").exists() else []
                done = self._ask(git, "fetch", *unshallow, *flags, repository.url, *everything)
        return done

    def _ask(self, git: Git, *arguments: str) -> Done:
        done = git.run(*arguments)
        if done.code and is_reachable(done) and "not our ref" not in done.error:
            interruption.sleep(_RETRY)
            done = git.run(*arguments)
        return done

    def _git(self, repository: Repository) -> Git:
        """Return git in the repository's cache, which is created where it is missing."""
        folder = self._path(repository)
        git = self._access.git(repository, folder)
        if not (folder / "HEAD").exists():
            try:
                safe_files.make_folders(self._folder, Path(folder.name))
            except OSError as error:
                hint = "set source-cache to a folder that can be written"
                raise external_error(f"{self._folder} cannot be written: {error.strerror}", hint) from error
            with _locked(folder):
                git.must("init", "--bare", "--quiet")
        return git

    def _local(self, pin: Pin) -> Git:
        return self._access.git(pin.source.repository, self._path(pin.source.repository))

    def _path(self, repository: Repository) -> Path:
        return self._folder / quote(repository.key, safe="")


def parallel(work: Callable[[T], R], items: Iterable[T]) -> dict[T, R]:
    """Do the same for several items at a time. Returns the results by item."""
    listed = list(items)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sources") as pool:
        return dict(zip(listed, pool.map(work, listed), strict=True))


def _patterns(sources: Sequence[Source]) -> Iterator[str]:
    for source in sources:
        kind, name = source.ref.kind, source.ref.name
        if kind == "head":
            yield "HEAD"
        elif kind == "branch":
            yield f"refs/heads/{name}"
        elif is_pattern(name):
            yield "refs/tags/*"
        else:
            yield from (f"refs/tags/{name}", f"refs/tags/{name}^{{}}")


def _pin(source: Source, refs: Mapping[str, str]) -> Pin | Problem:
    kind, name = source.ref.kind, source.ref.name
    if kind == "tag" and is_pattern(name):
        tags = (ref.removeprefix("refs/tags/") for ref in refs if ref.startswith("refs/tags/"))
        name = highest_version(name, (tag for tag in tags if not tag.endswith("^{}")))
    ref = {"head": "HEAD", "branch": f"refs/heads/{name}", "tag": f"refs/tags/{name}"}[kind]
    commit = refs.get(f"{ref}^{{}}") or refs.get(ref, "")
    if commit and name is not None:
        return Pin(source, commit, name or "HEAD")
    key, desired = source.repository.key, source.ref.name
    message = f"{key} has no commits" if kind == "head" else f"{key} has no {kind} {desired!r}"
    return Problem(message, "check its name, or push it", source.place)


def _has(git: Git, commit: str) -> bool:
    """Report whether a commit is in the cache with its files."""
    return git.run("cat-file", "-e", f"{commit}^{{tree}}").code == 0


def _tree(pin: Pin) -> str:
    path = pin.source.path.strip("/")
    return f"{pin.commit}:{path}" if path not in ("", ".") else f"{pin.commit}^{{tree}}"


def _forget_old(git: Git, current: set[str]) -> None:
    """Let go of the commits that were fetched first, once there are many."""
    listed = git.run("for-each-ref", "--sort=committerdate", "--format=%(refname)", _PINS).text.splitlines()
    old = [ref for ref in listed if ref.rpartition("/")[2] not in current][: max(0, len(listed) - _KEPT)]
    if old:
        git.run("update-ref", "--stdin", content="".join(f"delete {ref}\n" for ref in old).encode())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes and threads from changing a repository meanwhile: git gives up where another one does."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def cache_folder(named: str, environ: Mapping[str, str], place: Place) -> Path:
    """Return the folder of the cache: the one that is named, else one below the user's caches. Raises ExternalError."""
    if named:
        return Path(named)
    base = environ.get("XDG_CACHE_HOME") or (f"{environ['HOME']}/.cache" if environ.get("HOME") else "")
    if not base:
        raise external_error("there is no folder for the cache of repositories", "set source-cache", place)
    return Path(base, "scorefly", "sources")
