"""A GitHub App's tokens, and workflows that are started in place of runs, against a server that answers as GitHub does."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from listeners import Environments, listening, push_payload, signed, standin_tree
from scorefly.listen.github_tokens import GitHubTokens
from scorefly.problems import ExternalError
from workspaces import Workspace


class GitHub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str, Any]] = []
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {
            ("GET", "/users/acme/installation"): (200, {"id": 7}),
            ("GET", "/repos/acme/environments"): (200, {"default_branch": "trunk"}),
            ("POST", "/repos/acme/environments/actions/workflows/sync.yml/dispatches"): (204, None),
        }
        self.life = timedelta(hours=1)
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: GitHub

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"null")
        self.server.calls.append((self.command, self.path, self.headers["Authorization"], body))
        status, data = self.server.answers.get((self.command, self.path), (404, {"message": "Not Found"}))
        if self.path == "/app/installations/7/access_tokens":
            expires = (datetime.now(UTC) + self.server.life).strftime("%Y-%m-%dT%H:%M:%SZ")
            status, data = 201, {"token": f"ghs_{len(self.server.calls)}", "expires_at": expires}
        content = b"" if data is None else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the base class looks for this name

    def log_message(self, *_arguments: object) -> None: ...


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def app(github: GitHub, key: rsa.RSAPrivateKey) -> dict[str, str]:
    return {"GITHUB_API_URL": github.url, "SCOREFLY_GITHUB_APP_ID": "12345", "SCOREFLY_GITHUB_APP_KEY": pem(key)}


def test_an_app_proves_itself_once_and_keeps_its_token_while_it_lasts(github: GitHub, key: rsa.RSAPrivateKey) -> None:
    tokens = GitHubTokens(app(github, key))
    assert tokens.token("acme") == tokens.token("Acme") == "ghs_2"
    assert [call[:2] for call in github.calls] == [
        ("GET", "/users/acme/installation"),
        ("POST", "/app/installations/7/access_tokens"),
    ]
    header, claims, signature = github.calls[0][2].removeprefix("Bearer ").split(".")
    key.public_key().verify(decoded(signature), f"{header}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    assert json.loads(decoded(header)) == {"alg": "RS256", "typ": "JWT"}
    content = json.loads(decoded(claims))
    assert (content["iss"], content["exp"] - content["iat"]) == ("12345", 600)
    assert content["iat"] < time.time() < content["exp"]


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_token_that_ends_during_a_run_is_replaced(github: GitHub, key: rsa.RSAPrivateKey) -> None:
    github.life = timedelta(minutes=30)
    tokens = GitHubTokens(app(github, key))
    assert [tokens.token("acme"), tokens.token("acme")] == ["ghs_2", "ghs_4"]


def test_an_app_that_is_not_installed_and_a_wrong_key_are_said(github: GitHub, key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(ExternalError, match="the GitHub App is not installed for other"):
        GitHubTokens(app(github, key)).token("other")
    with pytest.raises(ExternalError, match="not a PEM private key"):
        GitHubTokens({**app(github, key), "SCOREFLY_GITHUB_APP_KEY": "nonsense"}).token("acme")


def test_half_an_app_is_refused(workspace: Workspace) -> None:
    result = workspace.run("listen", "--project", "https://github.com/a/b", SCOREFLY_GITHUB_APP_ID="1")
    assert (result.code, "SCOREFLY_GITHUB_APP_KEY: a GitHub App needs its id and its key" in result.err) == (
        2,
        True,
    )


def test_a_push_starts_a_workflow_once_and_nothing_is_deployed_here(github: GitHub, tmp_path: Path) -> None:
    environments = Environments.create(tmp_path / "git", standin_tree("staging", "production"))
    variables: dict[str, Any] = {"GITHUB_API_URL": github.url, "GITHUB_TOKEN": "gh-token-canary-1234"}
    arguments = ("--dispatch=acme/environments/sync.yml",)
    with listening(environments.url, tmp_path / "data", *arguments, **variables) as listener:
        listener.wait(lambda: listener.units().get("workflow", {}).get("state") == "ok")
        assert github.calls[-1][1:] == (
            "/repos/acme/environments/actions/workflows/sync.yml/dispatches",
            "Bearer gh-token-canary-1234",
            {"ref": "trunk"},
        )
        count = len(github.calls)
        environments.push()
        for _ in range(20):
            listener.post("github", *signed("github", push_payload("github", environments.url)))
        listener.wait(lambda: len(github.calls) == count + 2)
        assert "gh-token-canary-1234" not in "\n".join(listener.lines)
    assert not (tmp_path / "deploys").exists()


def test_a_workflow_that_cannot_be_started_is_a_failure_that_says_why(github: GitHub, tmp_path: Path) -> None:
    environments = Environments.create(tmp_path / "git", standin_tree("staging"))
    variables: dict[str, Any] = {"GITHUB_API_URL": github.url, "GITHUB_TOKEN": "gh-token-canary-1234"}
    arguments = ("--dispatch=acme/environments/other.yml",)
    with listening(environments.url, tmp_path / "data", *arguments, **variables) as listener:
        unit = listener.wait(lambda: (u := listener.units().get("workflow")) and u["state"] == "failed" and u)
        reason = "other.yml of acme/environments cannot be started: HTTP 404 (the token needs actions: write)"
        assert unit["last_run"]["reason"] == reason
