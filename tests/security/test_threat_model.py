"""The table of threats in docs/security.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

from workspaces import REPOSITORY


def test_every_threat_names_a_test_that_exists() -> None:
    page = (REPOSITORY / "docs/security.md").read_text(encoding="utf-8")
    rows = [
        line for line in page.partition("## Threats")[2].partition("\n## ")[0].splitlines() if line.startswith("| ")
    ]
    tests = [re.findall(r"`(test_\w+\.py)`", row) for row in rows[1:]]
    assert all(tests)
    here = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    assert {name for names in tests for name in names} <= here


def test_every_security_test_is_named() -> None:
    page = (REPOSITORY / "docs/security.md").read_text(encoding="utf-8")
    about = {path.name for path in Path(__file__).parent.glob("test_*.py")} - {Path(__file__).name}
    assert sorted(name for name in about if name not in page) == []
