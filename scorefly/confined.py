"""Reads files below a root folder. No path, link or special file leads a read anywhere else."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from io import BufferedReader
from pathlib import Path, PurePath, PurePosixPath

from scorefly.problems import InputError, Place, input_error, shortened

MAX_BYTES = 1 << 20
MAX_ENTRIES = 200_000  # names that one pattern is compared with
CHECKOUTS = PurePosixPath(".scorefly/sources")  # below it ENVIRONMENT/WORKLOAD/ has the files of a source
_KERNEL = (("proc",), ("sys",))  # folders of the root


class Total:
    """The bytes of all files of one kind, such as Score files, which are bounded together."""

    def __init__(self, what: str, limit: int = 16 * MAX_BYTES) -> None:
        self.what = what
        self.limit = limit
        self.left = limit

    def add(self, content: bytes, place: Place) -> bytes:
        """Count a file that was read, and return it. Raises InputError at `place`."""
        self.left -= len(content)
        if self.left < 0:
            raise input_error(
                f"the {self.what} have more than {self.limit >> 20} MiB together", "name fewer files", place
            )
        return content


def read_file(root: Path, path: str | PurePath, place: Place, *, limit: int = MAX_BYTES) -> bytes:
    """Return the content of a regular file below `root`. Raises InputError at `place`, also above `limit` bytes."""
    with open_file(root, path, place) as file:
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise _unreadable(path, error, place) from error
    if len(content) > limit:
        raise input_error(f"{shown(path)} is larger than {limit} bytes", "make it smaller", place)
    return content


def open_file(root: Path, path: str | PurePath, place: Place) -> BufferedReader:
    """Open a regular file below `root` for reading. Raises InputError at `place`."""
    base, resolved = _resolve(root, path, place)
    try:
        descriptor = _open_without_links(base, resolved)
    except OSError as error:
        raise _unreadable(path, error, place) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise input_error(f"{shown(path)} is not a regular file", "replace it with a regular file", place)
    return os.fdopen(descriptor, "rb")


def resolve(root: Path, path: str | PurePath, place: Place) -> Path:
    """Return the path with links followed, which is below `root` and not in a `.git` folder. Raises InputError.

    The file does not have to exist.
    """
    return _resolve(root, path, place)[1]


def _resolve(root: Path, path: str | PurePath, place: Place) -> tuple[Path, Path]:
    """Return the root and the path, both with links followed."""
    try:
        os.fspath(path).encode()
        base = root.resolve()
        resolved = (base / path).resolve()
    except UnicodeEncodeError as error:
        raise input_error(f"{shown(path)}: the file name is not UTF-8", "rename the file", place) from error
    except (OSError, RuntimeError, ValueError) as error:
        # Python 3.11 raises RuntimeError for a loop of links, and any version ValueError for a NUL byte.
        raise _unreadable(path, error, place) from error
    if not resolved.is_relative_to(base) or resolved.parts[1:2] in _KERNEL:
        hint = "copy the file into the workspace; links may only lead to files inside it"
        raise input_error(f"{shown(path)} is outside the workspace", hint, place)
    asked = () if PurePath(path).is_absolute() else PurePath(path).parts
    names = (*asked, *resolved.parts[len(base.parts) :])
    if any(name.lower() == ".git" for name in names):
        raise input_error(f"{shown(path)} is in a .git folder", "copy the file to a folder outside .git", place)
    return base, resolved


def is_inside(root: Path, path: str | PurePath) -> bool:
    """Report whether the path as it is written stays below `root`; links are not looked at."""
    return Path(os.path.normpath(root / path)).is_relative_to(root)


def scope_of(workspace: Path, path: str | PurePath, *, outside: bool) -> tuple[Path, Path]:
    """Return the root and the path to read a named file with: the workspace, or its own folder if it is `outside`."""
    if is_inside(workspace, path):
        root = root_of(workspace, Path(path).parent)
        return root, Path(path) if root == workspace else Path(os.path.normpath(workspace / path))
    if not outside:
        return workspace, Path(path)
    absolute = Path(os.path.normpath(workspace / path))
    return absolute.parent, absolute


def root_of(workspace: Path, path: str | PurePath) -> Path:
    """Return the folder that nothing beside a Score file may lead out of: the checkout of its source, or the workspace.

    A path elsewhere, which only a user of the command line names, is bounded by its own folder.
    """
    absolute = Path(os.path.normpath(workspace / path))
    above = len(workspace.parts)
    if absolute.parts[:above] != workspace.parts:
        return absolute
    parts = absolute.parts[above:]
    return workspace.joinpath(*parts[:4]) if parts[:2] == CHECKOUTS.parts and len(parts) >= 4 else workspace


def exists(root: Path, path: str | PurePath) -> bool:
    """Report whether there is anything at the path, also when it is a link that may not be followed."""
    try:
        return os.path.lexists(root / path)
    except ValueError:
        return False


def is_folder(root: Path, path: str | PurePath) -> bool:
    """Report whether the path leads to a folder below `root`."""
    try:
        return resolve(root, path, Place("")).is_dir()
    except (InputError, OSError):
        return False


def is_file(root: Path, path: str | PurePath) -> bool:
    """Report whether the path leads to a regular file below `root`."""
    try:
        return resolve(root, path, Place("")).is_file()
    except (InputError, OSError):
        return False


def walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield every folder from `folder` down, with the names of its folders and of its files; links are not followed.

    Names taken out of the first list are not entered.
    """
    for parent, folders, names in os.walk(folder):
        yield Path(parent), folders, names


def mode_and_link(path: Path) -> tuple[int, str | None]:
    """Return the mode of what is at the path, and where it leads if it is a link."""
    mode = path.lstat().st_mode
    return mode, str(path.readlink()) if stat.S_ISLNK(mode) else None


def is_glob(text: str) -> bool:
    """Report whether a path is a pattern for several."""
    return any(sign in text for sign in "*?[")


def match_files(workspace: Path, pattern: str, place: Place) -> list[str]:
    """Return what a path or glob pattern matches, sorted: relative to the workspace, or absolute where it is outside.

    `**` enters no links. Raises InputError for a pattern that has to be compared with too many names.
    """
    if not pattern or "\0" in pattern:
        return []
    absolute = Path(os.path.normpath(workspace / pattern))
    inside = absolute.is_relative_to(workspace)
    root = workspace if inside else Path(absolute.anchor)
    parts = absolute.relative_to(root).parts
    kept = [part for part, before in zip(parts, ("", *parts), strict=False) if part != "**" or before != "**"]
    matching = _Matching(root, shown(pattern), place)
    return sorted(
        {each.as_posix() if inside else str(root / each) for each in matching.below(PurePosixPath(), root, kept)}
    )


def shown(path: str | PurePath) -> str:
    """Return the path as text that can be printed: bytes that are not UTF-8 are replaced, and it is not endless."""
    return shortened(os.fspath(path), 200).encode("utf-8", "backslashreplace").decode()


class _Matching:
    """Compares a pattern with names. A folder that links show in several places is looked at in one of them."""

    def __init__(self, root: Path, pattern: str, place: Place) -> None:
        self.root = root
        self.pattern = pattern
        self.place = place
        self.left = MAX_ENTRIES
        self.seen: set[tuple[Path, int]] = set()

    def below(self, folder: PurePosixPath, real: Path, parts: list[str]) -> Iterator[PurePosixPath]:
        """Yield the paths below a folder, which is at `real`, that match the parts of a pattern."""
        if not parts:
            yield folder
            return
        if (real, len(parts)) in self.seen:
            return
        self.seen.add((real, len(parts)))
        first, rest = parts[0], parts[1:]
        if first == "**":
            yield from self.below(folder, real, rest)
            for entry in self._entries(real):
                if entry.is_dir(follow_symlinks=False):
                    yield from self.below(folder / entry.name, real / entry.name, parts)
                elif not rest:
                    yield folder / entry.name
        elif not re.search(r"[*?\[]", first):
            self._count()
            if exists(real, first):
                yield from self._enter(folder / first, real / first, rest)
        else:
            for entry in self._entries(real):
                if fnmatchcase(entry.name, first):
                    yield from self._enter(folder / entry.name, real / entry.name, rest)

    def _enter(self, path: PurePosixPath, real: Path, parts: list[str]) -> Iterator[PurePosixPath]:
        if not parts:
            yield path
            return
        try:
            inner = resolve(self.root, real, self.place) if real.is_symlink() else real
        except InputError:
            return
        yield from self.below(path, inner, parts)

    def _entries(self, real: Path) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(real) as entries:
                for entry in entries:
                    self._count()
                    if entry.name.lower() != ".git":
                        yield entry
        except OSError:
            return  # as for a shell, what cannot be listed matches nothing

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise input_error(f"{self.pattern} has to look at more than {MAX_ENTRIES} names", "narrow it", self.place)


def _open_without_links(base: Path, path: Path) -> int:
    """Open a path whose links are resolved: a component that became a link since then is not followed."""
    *folders, name = path.parts[len(base.parts) :] or (".",)
    folder = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for each in folders:
            below = os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        # Opening a FIFO without O_NONBLOCK waits for a writer.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        return os.open(name, flags, dir_fd=folder)
    finally:
        os.close(folder)


def _unreadable(path: str | PurePath, error: Exception, place: Place) -> InputError:
    reason = getattr(error, "strerror", None) or ("NUL byte in the name" if "\0" in os.fspath(path) else "link loop")
    return input_error(f"{shown(path)} cannot be read: {reason}", "check the path", place)
