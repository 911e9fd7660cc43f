"""Which commit the workspace is at, without git."""

from __future__ import annotations

import re
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def checked_out(workspace: Path) -> str:
    """The commit that is checked out, or an empty text when that cannot be told."""
    folder = workspace / ".git"
    try:
        head = (folder / "HEAD").read_text(encoding="ascii", errors="replace").strip()
        if head.startswith("ref: "):
            name = head.removeprefix("ref: ")
            loose = folder / name
            head = loose.read_text(encoding="ascii").strip() if loose.is_file() else _packed(folder, name)
    except OSError:
        return ""
    return head if _COMMIT.fullmatch(head) else ""


def _packed(folder: Path, name: str) -> str:
    for line in (folder / "packed-refs").read_text(encoding="utf-8", errors="replace").splitlines():
        commit, _, ref = line.partition(" ")
        if ref == name:
            return commit
    return ""
