"""State in a file: encrypted, mode 0600, one run at a time.

The file is replaced whole. While a run holds the lock, what it changes goes to a journal beside the file, and into the
file at the end.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import gmtime, strftime

from msgspec.structs import replace

from scorefly import safe_files
from scorefly.problems import ExternalError, InputError, Place, Problem, input_error
from scorefly.state.document import UNKNOWN, EnvironmentState, Repository, bound
from scorefly.state.document_json import dump, dump_changes, load
from scorefly.state.encryption import Keys, new_key, parse_keys
from scorefly.state.journal import Journal
from scorefly.state.store import HeldError

SUFFIX = ".state"


def environments_in(root: Path, folder: Path) -> tuple[str, ...]:
    """Return the environments whose state is in files of a folder, by name."""
    return tuple(name.removesuffix(SUFFIX) for name in safe_files.list_names(root, folder) if name.endswith(SUFFIX))


class FileStore:
    """One environment's state at `path`. Without keys it makes one of its own beside it, at `<path>.key`."""

    def __init__(
        self,
        path: Path,
        environment: str,
        keys: Keys | None = None,
        root: Path | None = None,
        repository: Repository = UNKNOWN,
    ) -> None:
        self.path = path
        self._repository = repository
        self._root = root or path.parent
        self.environment = environment
        self._keys = keys
        self._given_keys = keys is not None
        self._journal = Journal(self._root, self.path.with_name(f"{path.name}.journal").relative_to(self._root))
        self._saved: EnvironmentState | None = None
        self._locked = False

    @property
    def place(self) -> str:
        """The file's path."""
        return str(self.path)

    @property
    def key_path(self) -> Path:
        """Return where the store's own key stands."""
        return self.path.with_name(f"{self.path.name}.key")

    def environments(self) -> tuple[str, ...]:
        """The environments whose state is in files of the same folder."""
        folder = self.path.parent.relative_to(self._root)
        return tuple(name for name in environments_in(self._root, folder) if f"{name}{SUFFIX}" != self.path.name)

    def load(self) -> EnvironmentState | None:
        """The state, or None. Raises InputError: wrong key, damaged, another environment's or repository's."""
        try:
            content = self._read(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed("read", error) from error
        keys = self._own_keys()
        try:
            state = load(keys.decrypt(content), self._journal.read(keys, content))
        except OSError as error:
            raise self._failed("read", error) from error
        except InputError as error:
            at = Place(str(self.path))
            raise InputError(*(replace(each, place=each.place or at) for each in error.problems)) from error
        return bound(state, self.environment, self._repository, Place(str(self.path)))

    def save(self, state: EnvironmentState) -> None:
        """Encrypt and replace the file, or add what changed to its journal while the lock is held.

        A failure in the middle leaves the old state as it was. A file that has this content already stays untouched,
        unless another key than the first encrypted it.
        """
        try:
            if self._saved is not None and self._journal.is_open and not self._journal.is_full:
                changes = dump_changes(self._saved, state)
                if changes is not None:
                    self._journal.append(self._own_keys().first, changes)
                    self._saved = state
                    return
            self._replace(state)
        except OSError as error:
            raise self._failed("written", error) from error

    def _replace(self, state: EnvironmentState) -> None:
        keys, content = self._own_keys(), dump(state)
        if not self._holds(keys, content):
            self._write(self.path, keys.encrypt(content))
        if self._locked:
            self._journal.begin(self._read(self.path))
            self._saved = state
        else:
            self._journal.remove()

    def delete(self) -> None:
        """Takes the file away, and the key that was made for it. A file beside it of another use is left alone."""
        own = () if self._given_keys else (self.key_path,)
        try:
            self._journal.remove()
            self._saved = None
            for path in (self.path, *own):
                safe_files.remove(self._root, path.relative_to(self._root))
        except OSError as error:
            raise self._failed("removed", error) from error

    def rotate(self, state: EnvironmentState) -> None:
        """Encrypts with the first key given; a key of the store's own is replaced by a new one."""
        if self._given_keys:
            self.save(state)
            return
        fresh = new_key()
        self._keys = Keys((fresh, *self._own_keys().keys))
        try:
            self._write(self.key_path, "".join(f"{key}\n" for key in self._keys.keys).encode())
            self.save(state)
            self._write(self.key_path, f"{fresh}\n".encode())
        except OSError as error:
            raise self._failed("given a key", error) from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds `<path>.scorefly-lock`; the system lets go of it when the process ends, however that happens.

        No other tool uses that name. A run that saved nothing leaves nothing behind, neither the lock nor a folder.
        """
        path = self._lock_path
        made: tuple[Path, ...] = ()
        try:
            made = safe_files.make_folders(self._root, self.path.parent.relative_to(self._root))
            descriptor = self._hold(path)
        except OSError as error:
            raise self._failed("locked", error) from error
        try:
            try:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
            except OSError as error:
                raise self._failed("locked", error) from error
            self._locked = True
            yield
        finally:
            self._locked = False
            if self._saved is not None and not self._journal.is_empty:
                # Where this fails the journal still has it all.
                with suppress(OSError):
                    self._replace(self._saved)
            self._saved = None
            with suppress(OSError):
                safe_files.remove(self._root, path.relative_to(self._root))
                for folder in made:
                    safe_files.remove_empty(self._root, folder)
            os.close(descriptor)

    def confirm_lock(self) -> None:
        """Nothing to do: the system keeps the lock for as long as this process lives."""

    def holder(self) -> str:
        """The process that has the lock; empty when none has."""
        try:
            descriptor = self._open(self._lock_path, os.O_RDONLY)
        except OSError:
            return ""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder(descriptor)
        finally:
            os.close(descriptor)
        return ""

    def unlock(self) -> None:
        """Nothing to do: the system takes the lock from a process that is dead. Raises InputError where one lives."""
        if holder := self.holder():
            hint = "end it: its lock goes with it"
            raise input_error(f"{holder} works on {self.environment}", hint, Place(str(self.path)))

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.scorefly-lock")

    def _hold(self, path: Path) -> int:
        """An open lock file that is ours, and is still the one at the path."""
        while True:
            descriptor = self._open(path, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _holder(descriptor)
                os.close(descriptor)
                raise HeldError(
                    Problem(
                        f"another run is working on {self.environment}: {holder}",
                        "wait until it has ended",
                        Place(str(self.path)),
                    )
                ) from None
            except OSError:
                os.close(descriptor)
                raise
            if safe_files.is_same_file(descriptor, self._root, path.relative_to(self._root)):
                return descriptor
            os.close(descriptor)

    def _holds(self, keys: Keys, content: bytes) -> bool:
        try:
            return keys.first.decrypt(self._read(self.path)) == content
        except (FileNotFoundError, InputError):
            return False

    def _own_keys(self) -> Keys:
        if self._keys is None:
            text = self._read_or_make_key()
            try:
                self._keys = parse_keys(text)
            except InputError as error:
                hint = "put the right one back, or give the key with state-key"
                raise input_error("this is not a key for the state", hint, Place(str(self.key_path))) from error
        return self._keys

    def _read_or_make_key(self) -> str:
        try:
            with suppress(FileNotFoundError):
                return self._read(self.key_path).decode("ascii", "replace")
            with suppress(FileNotFoundError):
                self._read(self.path)
                raise InputError(
                    Problem(
                        f"the key of this state is gone: {self.key_path} is not there",
                        "put it back, or give the key with state-key",
                        Place(str(self.path)),
                    )
                )
            text = f"{new_key()}\n"
            self._write(self.key_path, text.encode())
        except OSError as error:
            raise self._failed("given a key", error) from error
        return text

    def _read(self, path: Path) -> bytes:
        return safe_files.read(self._root, path.relative_to(self._root))

    def _write(self, path: Path, content: bytes) -> None:
        safe_files.write(self._root, path.relative_to(self._root), content, private=True)

    def _open(self, path: Path, flags: int) -> int:
        return safe_files.open_private(self._root, path.relative_to(self._root), flags)

    def _failed(self, what: str, error: OSError) -> ExternalError:
        problem = Problem(
            f"the state cannot be {what}: {error.strerror}",
            "check the folder and its permissions",
            Place(str(self.path)),
        )
        return ExternalError(problem)


def _holder(descriptor: int) -> str:
    """Return who wrote a lock file."""
    process = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
    since = strftime("%Y-%m-%d %H:%M:%S UTC", gmtime(os.fstat(descriptor).st_mtime))
    return f"process {process}, since {since}"
