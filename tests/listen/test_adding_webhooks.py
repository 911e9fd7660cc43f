"""`repos --webhook` finds the repositories that lack a listener's webhook, and adds it where the token may."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tree_repositories import TreeWorkspace, tree_workspace

URL = "https://scorefly-listener.fly.dev/hooks/github"
SECRET = "a-webhook-secret-canary"
TREE = "app-prefix: acme-\nworkloads:\n" + "".join(
    f"  {name}: {{source: {{repo: URL/{name}.git, branch: main}}}}\n" for name in ("api", "web", "worker")
)


class GitHub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.hooks: dict[str, list[dict[str, Any]]] = {"api": [], "web": [], "worker": []}
        self.forbidden = {"worker"}
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: GitHub

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].split("/")[3]
        status: int = 200
        data: Any = self.server.hooks[name]
        if name in self.server.forbidden:
            status, data = 403, {"message": "Resource not accessible by personal access token"}
        elif self.command == "POST":
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, data = 201, {"id": 1, **body}
            self.server.hooks[name].append(data)
        content = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the base class looks for this name

    def log_message(self, *_arguments: object) -> None: ...


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[TreeWorkspace]:
    with tree_workspace(tmp_path) as tree:
        for name in ("api", "web", "worker"):
            tree.repositories.workload(name)
        tree.project(TREE)
        yield tree


def run(tree: TreeWorkspace, github: GitHub, **variables: str) -> Any:
    host = tree.repositories.server.url.partition("://")[2].partition("/")[0]
    given = {
        "GITHUB_SERVER_URL": f"http://{host}",
        "GITHUB_API_URL": f"http://127.0.0.1:{github.server_port}",
        "GITHUB_TOKEN": "ghp_dummy-of-a-test",
        "SCOREFLY_WEBHOOK_SECRET_GITHUB": SECRET,
        **variables,
    }
    tree.variables.update(given)
    return tree.sync("--webhook", URL, "--format", "json", command="repos")


def test_webhooks_are_added_once_where_the_token_may(tree: TreeWorkspace, github: GitHub) -> None:
    github.hooks["web"] = [{"id": 1, "active": True, "events": ["push"], "config": {"url": URL}}]
    result = run(tree, github)
    found = {row["repository"].rpartition("/")[2]: row["webhook"] for row in json.loads(result.out)}
    assert found == {"api": "added", "web": "present", "worker": "missing"}
    assert "not accessible" in json.loads(result.out)[2]["reason"]
    assert result.code == 1
    added = github.hooks["api"][0]
    assert (added["events"], added["config"]) == (
        ["push"],
        {"url": URL, "content_type": "json", "secret": SECRET},
    )
    github.forbidden.clear()
    again = run(tree, github)
    assert (again.code, [row["webhook"] for row in json.loads(again.out)]) == (0, ["present", "present", "added"])
    assert len(github.hooks["api"]) == 1
    assert SECRET not in result.out + result.err + again.out + again.err


def test_a_webhook_needs_a_secret_and_https(tree: TreeWorkspace, github: GitHub) -> None:
    result = run(tree, github, SCOREFLY_WEBHOOK_SECRET_GITHUB="")
    assert (result.code, "--webhook: the webhook has no secret" in result.err) == (2, True)
    result = tree.sync("--webhook", "http://example.com/x", command="repos")
    assert (result.code, "is not an https:// URL" in result.err) == (2, True)
    assert github.hooks == {"api": [], "web": [], "worker": []}
