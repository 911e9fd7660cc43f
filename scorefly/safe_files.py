"""Write files below a root folder, without following a symbolic link and without touching a `.git` folder.

Every path component below the root is opened with `O_NOFOLLOW`, relative to the folder above it.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scorefly.problems import InputError, input_error

WORKING_FOLDER = ".scorefly"
_IGNORE = Path(WORKING_FOLDER, ".gitignore")
_IGNORED = b"/.gitignore\n/out/\n/state/\n/rehearsal/\n"
_TEMPORARY = re.compile("[0-9a-f]{16}")  # the end of a temporary file's name
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def locate(workspace: Path, path: str | Path, *, is_folder: bool = False) -> tuple[Path, Path]:
    """Split a path into the root that may be resolved and the part in which no link is followed.

    The root of a path in the workspace is the workspace. A path elsewhere was named by the user: its root is the folder
    itself, or the folder of the file, resolved once.
    """
    full = Path(os.path.normpath(workspace / path))
    if full.is_relative_to(workspace):
        relative = full.relative_to(workspace)
        _refuse_git(workspace, relative)
        return workspace, relative
    root = (full if is_folder else full.parent).resolve()
    _refuse_git(Path(root.anchor), root.relative_to(root.anchor))
    return root, Path() if is_folder else Path(full.name)


def write(root: Path, path: Path, content: bytes, *, private: bool = False) -> None:
    """Replace a regular file whole, unless it has this content already. A private file gets mode 0600.

    Raises InputError for a link or another special file on the way, and OSError.
    """
    if path.parts[:1] == (WORKING_FOLDER,) and path != _IGNORE:
        create(root, _IGNORE, _IGNORED)
    with _parent(root, path, make=True, private=private) as folder:
        before = _status(folder, root, path)
        _remove_leftovers(folder, path.name)
        if before is not None and not (private and before.st_mode & 0o077) and _read(folder, path.name) == content:
            return
        _replace(folder, path.name, content, 0o600 if private else 0o666)


def create(root: Path, path: Path, content: bytes) -> bool:
    """Write a file unless there is one. Returns whether it was written."""
    with _parent(root, path, make=True) as folder:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(path.name, flags, 0o666, dir_fd=folder)
        except FileExistsError:
            _status(folder, root, path)
            return False
        try:
            with os.fdopen(descriptor, "wb") as file:
                _give_to_owner(file.fileno(), folder)
                file.write(content)
        except BaseException:
            with suppress(OSError):
                os.unlink(path.name, dir_fd=folder)
            raise
        return True


def append(path: Path, content: bytes) -> None:
    """Append to a file that the caller was given; it is created where it is missing. A link is not followed."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _status(folder, path.parent, Path(path.name))
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        with os.fdopen(os.open(path.name, flags, 0o666, dir_fd=folder), "ab") as file:
            file.write(content)
    finally:
        os.close(folder)


def read(root: Path, path: Path) -> bytes:
    """Read a regular file without following links. Raises FileNotFoundError."""
    with _parent(root, path) as folder:
        if _status(folder, root, path) is None:
            raise FileNotFoundError(2, "No such file or directory", str(root / path))
        return _read(folder, path.name)


def list_names(root: Path, path: Path) -> tuple[str, ...]:
    """Return the sorted names in a folder; none where there is no folder, or a link in its place."""
    try:
        with _parent(root, path / "x") as folder:
            return tuple(sorted(os.listdir(folder)))
    except (OSError, InputError):
        return ()


def is_same_file(descriptor: int, root: Path, path: Path) -> bool:
    """Report whether an open file is still the one at the path."""
    try:
        with _parent(root, path) as folder:
            return os.path.samestat(os.fstat(descriptor), os.stat(path.name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return False


def is_folder(workspace: Path, path: Path) -> bool:
    """Report whether there is a folder to write into; a link in the workspace is none."""
    if not path.is_relative_to(workspace):
        return path.is_dir()
    try:
        with _parent(workspace, path.relative_to(workspace) / "x"):
            return True
    except (OSError, InputError):
        return False


def remove(root: Path, path: Path) -> None:
    """Remove a file or a link itself; one that is missing is fine."""
    with suppress(FileNotFoundError), _parent(root, path) as folder:
        _remove_leftovers(folder, path.name)
        os.unlink(path.name, dir_fd=folder)


def remove_others(root: Path, path: Path, kept: Collection[str]) -> None:
    """Remove all files below a folder except `kept` (paths relative to it), and the folders this leaves empty."""
    with suppress(FileNotFoundError), _parent(root, path / "x") as folder:
        _remove_others(folder, "", kept)


def make_folders(root: Path, path: Path) -> tuple[Path, ...]:
    """Create a private folder with its parents. Returns those created, innermost first."""
    made: list[Path] = []
    with _parent(root, path / "x", make=True, private=True, made=made):
        return tuple(reversed(made))


def remove_empty(root: Path, path: Path) -> None:
    """Remove an empty folder. Raises OSError where it is not empty."""
    with _parent(root, path) as folder:
        os.rmdir(path.name, dir_fd=folder)


def open_private(root: Path, path: Path, flags: int) -> int:
    """Open a file without following links, created with mode 0600 where `flags` say so."""
    with _parent(root, path) as folder:
        _status(folder, root, path)
        return os.open(path.name, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600, dir_fd=folder)


def append_private(root: Path, path: Path, content: bytes) -> None:
    """Append to a private file, created where it is missing. The content is on disk when this returns."""
    descriptor = open_private(root, path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with os.fdopen(descriptor, "ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _parent(
    root: Path, path: Path, *, make: bool = False, private: bool = False, made: list[Path] | None = None
) -> Iterator[int]:
    """The folder of a path, as a descriptor."""
    _refuse_git(root, path)
    if make and not root.exists():
        _make_root(root, 0o700 if private else 0o777)
        if made is not None:
            made.append(Path())
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for depth, name in enumerate(path.parts[:-1], start=1):
            is_new = make and _make_folder(folder, name, 0o700 if private else 0o777)
            if is_new and made is not None:
                made.append(Path(*path.parts[:depth]))
            inner = _open_folder(folder, name, root, *path.parts[:depth])
            if is_new:
                _give_to_owner(inner, folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _make_root(root: Path, mode: int) -> None:
    """Create a folder that the user named, with its parents."""
    if not root.parent.exists():
        _make_root(root.parent, mode)
    folder = os.open(root.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _make_folder(folder, root.name, mode):
            inner = _open_folder(folder, root.name, root)
            _give_to_owner(inner, folder)
            os.close(inner)
    finally:
        os.close(folder)


def _make_folder(folder: int, name: str, mode: int) -> bool:
    try:
        os.mkdir(name, mode, dir_fd=folder)
    except FileExistsError:
        return False
    return True


def _give_to_owner(new: int, folder: int) -> None:
    """Give what root made to the owner of the folder it is in: a container action runs as root in another's folder."""
    if os.geteuid() == 0 and (owner := os.fstat(folder)).st_uid != 0:
        with suppress(OSError):
            os.fchown(new, owner.st_uid, owner.st_gid)


def _open_folder(folder: int, name: str, *shown: Path | str) -> int:
    """Open a folder in another one; messages show it as the path that `shown` is joined to."""
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError:
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise _link(Path(*shown)) from None
        raise


def _status(folder: int, root: Path, path: Path) -> os.stat_result | None:
    """The file's status, or None. Raises InputError unless it is a regular file."""
    try:
        status = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        raise _link(root / path)
    if not stat.S_ISREG(status.st_mode):
        raise input_error(f"{root / path} is not a regular file; scorefly does not write to it", "remove it")
    return status


def _link(path: Path) -> InputError:
    return input_error(f"{path} is a symbolic link; scorefly does not write through links", "remove it")


def _refuse_git(root: Path, path: Path) -> None:
    if any(part.casefold() == ".git" for part in path.parts) or ".." in path.parts:
        raise input_error(f"{root / path} is in a .git folder or outside its root; scorefly does not write there")


def _read(folder: int, name: str) -> bytes:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _replace(folder: int, name: str, content: bytes, mode: int) -> None:
    temporary = f".{name[:200]}.{os.urandom(8).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, mode, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # Held until it has its name: a process that cleans up takes only those of dead ones.
            with suppress(OSError):
                fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            _give_to_owner(file.fileno(), folder)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _remove_leftovers(folder: int, name: str) -> None:
    """Remove temporary files of processes that were killed while they wrote this file."""
    prefix = f".{name[:200]}."
    for entry in os.listdir(folder):
        if not entry.startswith(prefix) or not _TEMPORARY.fullmatch(entry.removeprefix(prefix)):
            continue
        with suppress(OSError):
            descriptor = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(entry, dir_fd=folder)
            finally:
                os.close(descriptor)


def _remove_others(folder: int, below: str, kept: Collection[str]) -> None:
    for name in os.listdir(folder):
        path = f"{below}{name}"
        if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            if path not in kept:
                os.unlink(name, dir_fd=folder)
            continue
        inner = os.open(name, _FOLDER, dir_fd=folder)
        try:
            _remove_others(inner, f"{path}/", kept)
            is_empty = not os.listdir(inner)
        finally:
            os.close(inner)
        if is_empty:
            os.rmdir(name, dir_fd=folder)
