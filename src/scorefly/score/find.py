"""Which Score files a run is about."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from scorefly.problems import Problem, option_place

NAMES = ("score.yaml", "*.score.yaml")
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
    return tuple(found), tuple(problems)


def _matches(workspace: Path, pattern: str, *, outside: bool) -> tuple[set[PurePosixPath], Problem | None]:
    place = option_place("score-files")
    relative = os.path.relpath(workspace / pattern, workspace)
    if Path(relative).parts[:1] == ("..",):
        path = Path(os.path.normpath(workspace / pattern))
        if outside and path.is_file():
            return {PurePosixPath(path.as_posix())}, None
        if outside:
            return set(), Problem(f"there is no Score file {pattern!r}", "check the path", place)
        return set(), Problem(f"{pattern!r} is outside the workspace", "give a path inside it", place)
    path = workspace / relative
    if path.is_dir():
        found = set(_below(workspace, path))
        problem = Problem(f"no Score file in folder {pattern!r}", f"they are called {' or '.join(NAMES)}", place)
        return found, None if found else problem
    if path.is_file():
        return {PurePosixPath(Path(relative).as_posix())}, None
    if not any(sign in pattern for sign in "*?["):
        return set(), Problem(f"there is no Score file {pattern!r}", "check the path", place)
    globbed = {
        PurePosixPath(each.relative_to(workspace).as_posix())
        for each in workspace.glob(relative)
        if each.is_file() and not _SKIPPED & set(each.relative_to(workspace).parts)
    }
    return globbed, None if globbed else Problem(f"{pattern!r} matches no file", "check the pattern", place)


def _below(workspace: Path, folder: Path) -> Iterator[PurePosixPath]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        for name in names:
            if any(fnmatchcase(name, pattern) for pattern in NAMES):
                yield PurePosixPath(Path(parent, name).relative_to(workspace).as_posix())
