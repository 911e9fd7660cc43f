"""Finds the Score files of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from scorefly.confined import exists, is_file, is_folder, is_glob, match_files, walk
from scorefly.problems import InputError, Problem, option_place

NAMES = ("score.yaml", "*.score.yaml")
MAX_FILES = 10_000
_SKIPPED = {".git", ".scorefly", ".venv", "node_modules", "__pycache__"}


def find_score_files(
    workspace: Path, patterns: Sequence[str], *, outside: bool = False
) -> tuple[tuple[PurePosixPath, ...], tuple[Problem, ...]]:
    """The Score files of paths and globs, relative to the workspace, in that order; without any, all below it, sorted.

    A pattern that finds nothing is a problem; so is one that leaves the workspace, unless `outside` files are allowed:
    those keep their absolute path.
    """
    found: dict[PurePosixPath, None] = {}
    problems: list[Problem] = []
    for pattern in patterns:
        matches, problem = _matches(workspace, pattern, outside=outside)
        found |= dict.fromkeys(sorted(matches))
        if problem:
            problems.append(problem)
    if not patterns:
        found = dict.fromkeys(sorted(_below(workspace, workspace)))
        if not found:
            problems.append(
                Problem(
                    "there is no score.yaml and no *.score.yaml in the workspace",
                    "`scorefly init` writes one to start from",
                    option_place("score-files"),
                )
            )
    if len(found) > MAX_FILES:
        hint = "name those that this run is about"
        problems.append(
            Problem(
                f"there are {len(found)} Score files, and {MAX_FILES} are allowed", hint, option_place("score-files")
            )
        )
        found = {}
    return tuple(found), tuple(problems)


def _matches(workspace: Path, pattern: str, *, outside: bool) -> tuple[set[PurePosixPath], Problem | None]:
    place = option_place("score-files")
    relative = os.path.relpath(workspace / pattern, workspace)
    if Path(relative).parts[:1] == ("..",):
        path = Path(os.path.normpath(workspace / pattern))
        if outside and is_file(Path(path.anchor), path):
            return {PurePosixPath(path.as_posix())}, None
        if outside:
            return set(), Problem(f"there is no Score file {pattern!r}", _hint(pattern), place)
        return set(), Problem(f"{pattern!r} is outside the workspace", "give a path inside it", place)
    if is_folder(workspace, relative):
        found = set(_below(workspace, workspace / relative))
        problem = Problem(f"no Score file in folder {pattern!r}", f"they are called {' or '.join(NAMES)}", place)
        return found, None if found else problem
    if exists(workspace, relative):
        return {PurePosixPath(Path(relative).as_posix())}, None
    if not is_glob(pattern):
        return set(), Problem(f"there is no Score file {pattern!r}", _hint(pattern), place)
    try:
        matches = [PurePosixPath(each) for each in match_files(workspace, relative, place)]
    except InputError as error:
        return set(), error.problems[0]
    globbed = {each for each in matches if not _SKIPPED & set(each.parts) and not is_folder(workspace, each)}
    return globbed, None if globbed else Problem(f"{pattern!r} matches no file", "check the pattern", place)


def _below(workspace: Path, folder: Path) -> Iterator[PurePosixPath]:
    for parent, folders, names in walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        for name in names:
            if any(fnmatchcase(name, pattern) for pattern in NAMES):
                yield PurePosixPath((parent / name).relative_to(workspace).as_posix())


def _hint(pattern: str) -> str:
    if any(sign in pattern for sign in ", ;"):
        return "check the path; several paths are given one per line, or as arguments"
    if pattern.lower() in ("true", "false", "yes", "no", "on", "off", "1", "0"):
        return f"check the path; an option gets its value as --option={pattern}, and is true or false"
    return "check the path"
