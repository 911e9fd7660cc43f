"""What tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

import fork_server
from workspaces import Workspace

settings.register_profile("scorefly", max_examples=80, deadline=None, derandomize=True)
settings.load_profile("scorefly")


def pytest_configure(config: pytest.Config) -> None:
    """Start one fork server for all workers; without workers the first run starts it."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        fork_server.socket_path()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    path = tmp_path / "workspace"
    path.mkdir()
    return Workspace(path)
