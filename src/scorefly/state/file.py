"""State in a file: encrypted, mode 0600, replaced whole, one run at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import gmtime, strftime

from scorefly.problems import InputError, OutsideError, Place, Problem, wrong
from scorefly.state.document import EnvironmentState, dump, load
from scorefly.state.encryption import Keys, new_key, parse_keys
from scorefly.state.store import HeldError


class FileStore:
    """One environment's state at `path`. Without keys it makes one of its own beside it, at `<path>.key`."""

    def __init__(self, path: Path, environment: str, keys: Keys | None = None) -> None:
        self.path = path
        self.environment = environment
        self._keys = keys
        self._given_keys = keys is not None

    @property
    def place(self) -> str:
        """The file's path."""
        return str(self.path)

    @property
    def key_path(self) -> Path:
        """Where the store's own key stands."""
        return self.path.with_name(f"{self.path.name}.key")

    def load(self) -> EnvironmentState | None:
        """The state, or None. Raises InputError: wrong key, damaged, another environment's."""
        self._refuse_link(self.path)
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed("read", error) from error
        state = load(self._own_keys().decrypt(content))
        if state.environment != self.environment:
            raise InputError(
                Problem(
                    f"this is the state of {state.environment!r}, not of {self.environment!r}",
                    "give each environment a file of its own",
                    Place(str(self.path)),
                )
            )
        return state

    def save(self, state: EnvironmentState) -> None:
        """Encrypts and replaces. A failure in the middle leaves the old file as it was.

        What is there already stays untouched, unless another key than the first encrypted it.
        """
        self._refuse_link(self.path)
        keys, content = self._own_keys(), dump(state)
        try:
            if not self._holds(keys, content):
                replace_private(self.path, keys.encrypt(content))
        except OSError as error:
            raise self._failed("written", error) from error

    def delete(self) -> None:
        """Takes the file away, and the key that was made for it."""
        try:
            for path in (self.path, self.key_path):
                path.unlink(missing_ok=True)
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
            replace_private(self.key_path, "".join(f"{key}\n" for key in self._keys.keys).encode())
            self.save(state)
            replace_private(self.key_path, f"{fresh}\n".encode())
        except OSError as error:
            raise self._failed("given a key", error) from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds `<path>.lock`; the system lets go of it when the process ends, however that happens.

        A run that saved nothing leaves nothing behind, neither the lock nor a folder.
        """
        path = self._lock_path
        self._refuse_link(path)
        made = [folder for folder in (self.path.parent, *self.path.parent.parents) if not folder.exists()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = self._hold(path)
        except OSError as error:
            raise self._failed("locked", error) from error
        try:
            try:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
            except OSError as error:
                raise self._failed("locked", error) from error
            yield
        finally:
            with suppress(OSError):
                path.unlink()
                for folder in made:
                    folder.rmdir()
            os.close(descriptor)

    def holder(self) -> str:
        """The process that has the lock; empty when none has."""
        try:
            descriptor = os.open(self._lock_path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
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
            raise wrong(f"{holder} works on {self.environment}", hint, Place(str(self.path)))

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    def _hold(self, path: Path) -> int:
        """An open lock file that is ours, and is still the one that stands at the path."""
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
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
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
            os.close(descriptor)

    def _holds(self, keys: Keys, content: bytes) -> bool:
        try:
            return keys.first.decrypt(self.path.read_bytes()) == content
        except (FileNotFoundError, InputError):
            return False

    def _own_keys(self) -> Keys:
        if self._keys is None:
            text = self._read_or_make_key()
            try:
                self._keys = parse_keys(text)
            except InputError as error:
                hint = "put the right one back, or give the key with state-key"
                raise wrong("this is no key for the state", hint, Place(str(self.key_path))) from error
        return self._keys

    def _read_or_make_key(self) -> str:
        self._refuse_link(self.key_path)
        try:
            if not self.key_path.exists():
                if self.path.exists():
                    raise InputError(
                        Problem(
                            f"the key of this state is gone: {self.key_path} is not there",
                            "put it back, or give the key with state-key",
                            Place(str(self.path)),
                        )
                    )
                replace_private(self.key_path, f"{new_key()}\n".encode())
            self.key_path.chmod(0o600)
            return self.key_path.read_text(encoding="ascii", errors="replace")
        except OSError as error:
            raise self._failed("given a key", error) from error

    def _refuse_link(self, path: Path) -> None:
        if path.is_symlink():
            raise InputError(
                Problem("this is a symbolic link, and state is not written through one", "", Place(str(path)))
            )

    def _failed(self, what: str, error: OSError) -> OutsideError:
        problem = Problem(
            f"the state cannot be {what}: {error.strerror}",
            "check the folder and its permissions",
            Place(str(self.path)),
        )
        return OutsideError(problem)


def _holder(descriptor: int) -> str:
    """Who wrote a lock file."""
    process = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
    since = strftime("%Y-%m-%d %H:%M:%S UTC", gmtime(os.fstat(descriptor).st_mtime))
    return f"process {process}, since {since}"


def replace_private(path: Path, content: bytes) -> None:
    """Writes a file that only its owner can read, from the first byte on, in the place of any that is there.

    It is there whole or not at all; the folder is made when it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # In the same folder, so that the replacement is one step; a name nobody can have put there before.
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
