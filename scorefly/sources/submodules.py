"""Submodules of a commit: where each one is, its repository, and its commit."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from urllib.parse import urljoin

from scorefly.git.process import Git
from scorefly.problems import InputError, Problem, input_error
from scorefly.sources.repository import Pin, Ref, Repository, Source, parse_repository

FILE = ".gitmodules"
MAX_DEPTH = 5  # submodules in submodules


def find_submodules(git: Git, pin: Pin) -> dict[str, Pin]:
    """Return the submodules of a commit by their path, relative to the source's own.

    Raises InputError for URLs that are not https or ssh, and for submodules without a URL.
    """
    commits = dict(_commits(git, pin))
    if not commits:
        return {}
    urls = _urls(git, pin)
    found, problems = {}, []
    for path, commit in commits.items():
        try:
            repository = _repository(pin, urls.get(path, ""))
        except InputError as error:
            text = f"submodule {path!r} of {pin.source.repository.key}: {error.problems[0].message}"
            hint = "change its URL in .gitmodules, or take submodules: true out"
            problems.append(Problem(text, hint, pin.source.place))
            continue
        source = Source(repository, Ref("commit", commit), "", pin.source.place, submodules=True, lfs=pin.source.lfs)
        found[posixpath.relpath(path, pin.source.path or ".")] = Pin(source, commit, commit)
    if problems:
        raise InputError(*problems)
    return found


def check_depth(pin: Pin, depth: int) -> None:
    """Raise InputError for submodules that never end."""
    if depth > MAX_DEPTH:
        message = f"{pin.source.repository.key} has submodules in more than {MAX_DEPTH} levels"
        raise input_error(message, "take submodules: true out of the source", pin.source.place)


def _commits(git: Git, pin: Pin) -> Iterator[tuple[str, str]]:
    """Yield the paths of the entries that are commits of other repositories, below the source's path."""
    paths = ["--", pin.source.path] if pin.source.path else []
    for entry in git.must("ls-tree", "-r", "-z", "--full-tree", pin.commit, *paths).split("\0"):
        about, _, path = entry.partition("\t")
        if about.startswith("160000 "):
            yield path, about.split()[2]


def _urls(git: Git, pin: Pin) -> dict[str, str]:
    blob = f"{pin.commit}:{FILE}"
    listed = git.run("config", "--blob", blob, "--null", "--get-regexp", r"^submodule\..*\.(path|url)$")
    values: dict[str, dict[str, str]] = {}
    for entry in listed.text.split("\0"):
        key, _, value = entry.partition("\n")
        name, _, what = key.removeprefix("submodule.").rpartition(".")
        values.setdefault(name, {})[what] = value
    return {each["path"]: each.get("url", "") for each in values.values() if "path" in each}


def _repository(pin: Pin, url: str) -> Repository:
    repository = parse_repository(_absolute(pin, url), pin.source.place)
    if repository.scheme == "http" and pin.source.repository.scheme != "http":
        raise input_error("repositories cannot be read over http:", "", pin.source.place)
    return repository


def _absolute(pin: Pin, url: str) -> str:
    """Return the URL of a submodule; a relative one begins at the repository that has it."""
    if not url.startswith(("./", "../")):
        return url
    base = pin.source.repository.url
    scheme, _, rest = base.partition("://")
    return f"{scheme}://{urljoin(f'https://{rest}/', url).removeprefix('https://')}"
