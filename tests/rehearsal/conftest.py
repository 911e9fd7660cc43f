"""What the tests of the rehearsal share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rehearsing import Client
from scorefly.rehearsal.server import Rehearsal


@pytest.fixture
def call() -> Iterator[Client]:
    """A rehearsal with one app, `web`."""
    with Rehearsal(None) as fly:
        client = Client(fly)
        client("POST", "/apps", {"name": "web", "org_slug": "personal"})
        yield client
