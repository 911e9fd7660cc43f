"""Passwords in ~/.netrc are for the user's own tools."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from scorefly.http_session import Session


def test_netrc_is_not_used_for_requests_or_redirects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    headers = {"Authorization": "Bearer token"}
    with Session() as session:
        assert "Authorization" not in session.prepare_request(requests.Request("GET", "https://a.example")).headers
        first = session.prepare_request(requests.Request("GET", "https://a.example", headers=headers))
        assert first.headers["Authorization"] == "Bearer token"
        answer = requests.Response()
        answer.request = first
        for url, sent in (("https://a.example/b", "Bearer token"), ("https://b.example", None)):
            hop = first.copy()
            hop.url = url
            session.rebuild_auth(hop, answer)
            assert hop.headers.get("Authorization") == sent


def test_proxies_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    with Session() as session:
        for host, proxy in (("a.example", "http://proxy.example:3128"), ("inside.example", None)):
            merged = session.merge_environment_settings(f"https://{host}", {}, False, None, None)
            assert merged["proxies"].get("https") == proxy
