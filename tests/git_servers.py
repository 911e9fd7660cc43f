"""Real git servers for tests: a bare repository, over a path and over HTTP with a token."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    # What a test makes need not outlive a crash of the machine, nor be packed.
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "core.fsync",
    "GIT_CONFIG_VALUE_0": "none",
    "GIT_CONFIG_KEY_1": "gc.auto",
    "GIT_CONFIG_VALUE_1": "0",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com",
}


def git(folder: Path, *arguments: str) -> str:
    """One git command, which has to work."""
    command = ["git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", *arguments]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass(frozen=True)
class Bare:
    """A bare repository at `<root>/acme/shop.git`, and a clone to make commits in."""

    root: Path

    @property
    def path(self) -> Path:
        return self.root / "acme" / "shop.git"

    @property
    def source(self) -> Path:
        return self.root / "source"

    @property
    def refs(self) -> dict[str, str]:
        """Every ref but branches, with its commit."""
        lines = git(self.path, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        pairs = [line.split() for line in lines]
        return {name: commit for name, commit in pairs if not name.startswith("refs/heads/")}

    def commit(self, *names: str) -> list[str]:
        """Commits one after the other on main, pushed; returns their ids."""
        made = []
        for name in names:
            git(self.source, "commit", "--quiet", "--allow-empty", "-m", name)
            made.append(git(self.source, "rev-parse", "HEAD"))
        git(self.source, "push", "--quiet", "origin", "HEAD:main")
        return made

    def show(self, ref: str) -> str:
        """The document on a ref."""
        return git(self.path, "cat-file", "blob", f"{ref}:document")

    def hook(self, name: str, script: str) -> None:
        """A hook of the server's."""
        path = self.path / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


def bare_repository(root: Path) -> Bare:
    """A new one, with an empty history."""
    bare = Bare(root)
    bare.path.mkdir(parents=True)
    git(bare.path, "init", "--bare", "--quiet")
    git(bare.path, "config", "http.receivepack", "true")
    git(bare.path, "config", "uploadpack.allowFilter", "true")
    bare.source.mkdir()
    git(bare.source, "init", "--quiet")
    git(bare.source, "remote", "add", "origin", bare.path.as_uri())
    return bare


@dataclass
class HttpServer:
    """`git http-backend` behind a token. `faults` are answers given instead, one a matching request."""

    root: Path
    token: str = "ghs_canarytoken1234"
    readonly: bool = False
    moved_to: str = ""
    renamed: dict[str, str] = field(default_factory=dict)  # paths of repositories, from and to
    url: str = ""
    faults: list[tuple[str, int]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    lfs: dict[str, bytes] = field(default_factory=dict)  # files in Git LFS by their SHA-256


class _Handler(BaseHTTPRequestHandler):
    """One request: a fault, a refusal, or what git answers."""

    protocol_version = "HTTP/1.1"
    serving: HttpServer

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        serving, body = self.serving, self._body()
        serving.requests.append((self.path, self.headers.get("Authorization", "")))
        fault = next((fault for fault in serving.faults if fault[0] in self.path), None)
        if fault:
            serving.faults.remove(fault)
            self._send(fault[1], [], b"a fault")
        elif old := next((old for old in serving.renamed if self.path.startswith(old)), ""):
            self._send(301, [("Location", f"{serving.url}{self.path.replace(old, serving.renamed[old])}")], b"")
        elif serving.moved_to:
            self._send(301, [("Location", serving.moved_to + self.path)], b"")
        elif self._password() != serving.token:
            self._send(401, [("WWW-Authenticate", 'Basic realm="git"')], b"")
        elif "/info/lfs/objects/" in self.path:
            self._lfs(body)
        elif serving.readonly and "receive-pack" in self.path:
            self._send(403, [], b"Permission to acme/shop.git denied to somebody.")
        else:
            self._backend(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _password(self) -> str:
        kind, _, encoded = self.headers.get("Authorization", "").partition(" ")
        return b64decode(encoded).decode().partition(":")[2] if kind == "Basic" else ""

    def _lfs(self, body: bytes) -> None:
        """The batch API of Git LFS, and the files that it refers to."""
        repository, _, rest = self.path.partition("/info/lfs/objects/")
        if rest in self.serving.lfs:
            self._send(200, [], self.serving.lfs[rest])
            return
        kind = "application/vnd.git-lfs+json"
        if rest != "batch" or self.headers.get("Accept") != kind:
            self._send(404, [], b"")
            return
        asked = json.loads(body)
        assert asked["operation"] == "download"
        objects = []
        for each in asked["objects"]:
            known = each["oid"] in self.serving.lfs
            url = f"{self.serving.url}{repository}/info/lfs/objects/{each['oid']}"
            header = {"Authorization": self.headers["Authorization"]}
            found = {"actions": {"download": {"href": url, "header": header}}}
            missing = {"error": {"code": 404, "message": "Object does not exist"}}
            objects.append({**each, **(found if known else missing)})
        self._send(200, [("Content-Type", kind)], json.dumps({"transfer": "basic", "objects": objects}).encode())

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            env={
                **ENVIRONMENT,
                "GIT_PROJECT_ROOT": str(self.serving.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                # GitHub takes a repository's name without `.git` too.
                "PATH_INFO": path.replace("/shop/", "/shop.git/"),
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": "somebody",
                "REMOTE_ADDR": "127.0.0.1",
            },
            capture_output=True,
            timeout=60,
            check=False,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in head.decode().splitlines())]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self._send(status, [(name, value) for name, value in headers if name != "Status"], content)

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def http_server(root: Path, **options: Any) -> Iterator[HttpServer]:
    """Serves the repositories under `root` on loopback."""
    server = HttpServer(root, **options)
    handler = type("Handler", (_Handler,), {"serving": server})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        server.url = f"http://127.0.0.1:{serving.server_port}"
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            serving.shutdown()
            thread.join()
