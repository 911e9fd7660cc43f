"""The start script of the object store, with the real server where there is one: buckets, keys, IPv6, restarts."""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from scorefly.resources.files import built_in_provisioners
from scorefly.resources.template import TemplateProvisioner

KEY, SECRET, BUCKET = "AKIDEXAMPLE", "secret-canary-4711", "shop-files.1"


def script() -> str:
    """The command of the built-in provisioner."""
    for provisioner in built_in_provisioners():
        if isinstance(provisioner, TemplateProvisioner) and provisioner.spec.uri == "template://scorefly/s3-gateway":
            app = cast("dict[str, Any]", provisioner.parts["apps"])["server"]
            return str(app["experimental"]["cmd"][-1])
    raise AssertionError


@dataclass
class Server:
    """The object store of the script, on a port of IPv6 loopback, with its data in a folder of the test."""

    folder: Path
    port: int

    def start(self) -> subprocess.Popen[str]:
        """Run the script until the server answers its health check."""
        text = script().replace("/data", str(self.folder)).replace("9000", str(self.port))
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "BUCKET": BUCKET}
        environment |= {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET, "VGW_REGION": "us-east-1"}
        process = subprocess.Popen(
            ["sh", "-euc", text], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(10_000):
            assert process.poll() is None, process.stdout and process.stdout.read()
            try:
                with socket.create_connection(("::1", self.port), timeout=60):
                    break
            except ConnectionRefusedError:
                os.sched_yield()
        assert self.ask("GET", "/health", key="")[0] == 200
        return process

    def ask(
        self, method: str, path: str, body: bytes = b"", *, key: str = KEY, secret: str = SECRET, query: str = ""
    ) -> tuple[int, bytes]:
        """Ask with an AWS signature of version 4, or without one where `key` is empty."""
        host = f"[::1]:{self.port}"
        headers = {"host": host}
        if key:
            headers |= signature(method, host, path, query, body, key, secret)
        url = f"http://{host}{path}" + (f"?{query}" if query else "")
        request = urllib.request.Request(url, data=body or None, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def signature(method: str, host: str, path: str, query: str, body: bytes, key: str, secret: str) -> dict[str, str]:
    """The headers of a request that is signed as AWS describes it."""
    now = datetime.now(UTC)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    digest = hashlib.sha256(body).hexdigest()
    names = "host;x-amz-content-sha256;x-amz-date"
    lines = [f"host:{host}", f"x-amz-content-sha256:{digest}", f"x-amz-date:{stamp}", ""]
    canonical = "\n".join([method, urllib.parse.quote(path), query, *lines, names, digest])
    scope = f"{day}/us-east-1/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signing = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        signing = hmac.digest(signing, part.encode(), "sha256")
    signed = hmac.new(signing, text.encode(), "sha256").hexdigest()
    credential = f"Credential={key}/{scope}, SignedHeaders={names}, Signature={signed}"
    return {"x-amz-date": stamp, "x-amz-content-sha256": digest, "Authorization": f"AWS4-HMAC-SHA256 {credential}"}


@pytest.fixture
def server(tmp_path: Path) -> Server:
    if not shutil.which("versitygw"):
        pytest.skip("no versitygw is installed (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0)")
    with socket.socket(socket.AF_INET6) as free:
        free.bind(("::1", 0))
        port = free.getsockname()[1]
    return Server(tmp_path / "data", port)


def test_bucket_is_there_at_the_first_request_and_keeps_its_objects(server: Server) -> None:
    server.folder.mkdir()
    process = server.start()
    try:
        assert server.ask("HEAD", f"/{BUCKET}")[0] == 200
        assert f"<Name>{BUCKET}</Name>".encode() in server.ask("GET", "/")[1]
        assert server.ask("PUT", f"/{BUCKET}/a/b.txt", b"hello")[0] == 200
        assert server.ask("PUT", f"/{BUCKET}/tagged", b"x")[0] == 200
        assert b"<Key>a/b.txt</Key>" in server.ask("GET", f"/{BUCKET}", query="list-type=2")[1]
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = server.start()
    try:
        assert server.ask("GET", f"/{BUCKET}/a/b.txt") == (200, b"hello")
        assert server.ask("DELETE", f"/{BUCKET}/a/b.txt")[0] == 204
        assert server.ask("GET", f"/{BUCKET}/a/b.txt")[0] == 404
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 0


def test_bucket_is_closed_to_other_keys_and_the_secret_is_not_in_the_command_line(server: Server) -> None:
    server.folder.mkdir()
    process = server.start()
    try:
        for key, secret in ((KEY, "wrong"), ("other", SECRET), ("", "")):
            # It has no user of another key, and says so with 404.
            assert server.ask("GET", f"/{BUCKET}", key=key, secret=secret)[0] in (403, 404)
            assert server.ask("PUT", f"/{BUCKET}/x", b"x", key=key, secret=secret)[0] in (403, 404)
        assert server.ask("GET", f"/{BUCKET}/x")[0] == 404
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert "versitygw --quiet" in listed
        assert SECRET not in listed
    finally:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
    assert SECRET not in out
