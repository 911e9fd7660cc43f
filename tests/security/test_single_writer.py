"""Files are written in one module; every other call that writes has a reason here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src/scorefly"
WRITING = {
    "write_text", "write_bytes", "mkdir", "makedirs", "unlink", "rmdir", "rmtree", "rename", "touch", "chmod",
    "symlink_to", "hardlink_to", "mkstemp", "NamedTemporaryFile", "TemporaryDirectory", "lchown",
}  # fmt: skip
ALLOWED = {
    "safe_files.py": "the one writer",
    "fly/flyctl.py": "homes of flyctl in a temporary folder",
    "git/remote.py": "a temporary repository",
    "resources/remote.py": "a temporary clone",
    "github/ownership.py": "lchown of what other programs made as root",
}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_only_listed_modules_write_files(path: Path) -> None:
    calls = [
        f"line {node.lineno}: {node.func.attr}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITING
    ]
    assert not calls or path.relative_to(SOURCE).as_posix() in ALLOWED
