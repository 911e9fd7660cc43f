"""The rehearsal answers requests for this machine only, whatever name a page in a browser gave it."""

from __future__ import annotations

import pytest
import requests

from scorefly.rehearsal.server import Rehearsal


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:4280", 200),
        ("localhost:80", 200),
        ("LOCALHOST", 200),
        ("[::1]:4280", 200),
        ("evil.example", 421),
        ("evil.example:4280", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.0.0.1@evil.example", 421),
        ("10.0.0.1", 421),
        ("", 421),
    ],
)
def test_only_loopback_hosts_are_answered(host: str, status: int) -> None:
    with Rehearsal(None) as fly:
        headers = {"Authorization": "Bearer x", "Host": host}
        answer = requests.get(f"{fly.url}/v1/platform/regions", headers=headers, timeout=10)
        assert answer.status_code == status
        assert bool(fly.requests) == (status == 200)
