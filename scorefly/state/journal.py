"""The journal of a state file: what changed since the file was written, one encrypted change per line.

Replacing the whole file for every change costs time that grows with its size. A line begins with a digest of the file
that it continues, so a journal that is older than its file is not used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from scorefly import safe_files
from scorefly.state.encryption import Keys

_MIN_LIMIT = 1 << 18  # bytes


class Journal:
    """The journal at `path`, below `root`."""

    def __init__(self, root: Path, path: Path) -> None:
        self._root = root
        self._path = path
        self._base = ""
        self._limit = 0
        self._size = 0

    @property
    def is_open(self) -> bool:
        """Report whether changes can be appended: the file that they continue is known."""
        return bool(self._base)

    @property
    def is_empty(self) -> bool:
        """Report whether nothing was appended since the file was written."""
        return self._size == 0

    @property
    def is_full(self) -> bool:
        """Report whether the journal is larger than the file it continues: writing the file anew pays off."""
        return self._size > self._limit

    def begin(self, file: bytes) -> None:
        """Begin an empty journal that continues a file with this content."""
        self._base, self._size, self._limit = _digest(file), 0, max(_MIN_LIMIT, len(file))
        self.remove()

    def append(self, keys: Keys, change: bytes) -> None:
        """Append a change. Raises OSError; a line that is not whole is not read later."""
        line = self._base.encode() + b" " + keys.encrypt(change).rstrip(b"\n").replace(b"\n", b" ") + b"\n"
        safe_files.append_private(self._root, self._path, line)
        self._size += len(line)

    def read(self, keys: Keys, file: bytes) -> Iterator[bytes]:
        """Yield the changes that continue a file with this content. Raises InputError: wrong key, or damaged."""
        with suppress(FileNotFoundError):
            for line in safe_files.read(self._root, self._path).splitlines(keepends=True):
                base, _, encrypted = line.partition(b" ")
                if not line.endswith(b"\n") or base != _digest(file).encode():
                    return
                header, _, token = encrypted.rpartition(b" ")
                yield keys.decrypt(header + b"\n" + token)

    def remove(self) -> None:
        """Remove the journal; one that is missing is fine."""
        safe_files.remove(self._root, self._path)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
