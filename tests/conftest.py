"""What tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from workspaces import Workspace

settings.register_profile("scorefly", max_examples=80, deadline=None, derandomize=True)
settings.load_profile("scorefly")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    path = tmp_path / "workspace"
    path.mkdir()
    return Workspace(path)
