"""What tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

import fork_server
from workspaces import Workspace

# A run of all tests draws few examples, always the same; `make thorough` draws many others.
settings.register_profile("scorefly", max_examples=30, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=500, deadline=None, print_blob=True)
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
