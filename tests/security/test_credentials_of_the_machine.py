"""Passwords in ~/.netrc are for the user's own tools."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests

from scorefly.http import exchange


class _Echo(BaseHTTPRequestHandler):
    """Answers with the Authorization header that it was sent."""

    def do_GET(self) -> None:
        content = self.headers.get("Authorization", "none").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize(("headers", "sent"), [({}, b"none"), ({"Authorization": "Bearer token"}, b"Bearer token")])
def test_netrc_is_not_used(
    url: str, headers: dict[str, str], sent: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with requests.Session() as session:
        assert exchange(session, "GET", url, seconds=30.0, headers=headers).content == sent
