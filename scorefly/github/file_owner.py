"""Files that a container action leaves in the workspace, which belongs to another user."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path


def give_back(workspace: Path, paths: Iterable[Path]) -> None:
    """Gives what root made below `paths` to the workspace's owner, whose later steps cache, upload and delete it.

    Links are not followed, and nothing outside the workspace is touched. Does nothing for who is not root.
    """
    owner = workspace.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    for path in paths:
        if not path.parent.resolve().is_relative_to(workspace.resolve()):
            continue
        for each in _tree(path):
            with suppress(OSError):
                if each.lstat().st_uid == 0:
                    os.lchown(each, owner.st_uid, owner.st_gid)


def _tree(path: Path) -> Iterator[Path]:
    yield path
    if not path.is_symlink():
        for parent, folders, names in os.walk(path):
            yield from (Path(parent, name) for name in (*folders, *names))
