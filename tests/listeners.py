"""A listener in a process of its own, and senders that sign what they send to it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fork_server
from git_servers import git
from workspaces import REPOSITORY

STANDIN = (sys.executable, str(Path(__file__).with_name("listen_standin.py")), "listen")
READ, ACT = "read-token-for-tests", "act-token-for-tests-too"
SECRETS = {
    "github": "github-secret-0123456789",
    "gitlab": "gitlab-secret-0123456789",
    "gitea": "gitea-secret-0123456789",
    "forgejo": "forgejo-secret-0123456789",
    "bitbucket": "bitbucket-secret-0123456789",
    "generic": "whsec_" + base64.b64encode(b"generic-secret-0123456789").decode(),
}
PATIENCE = 60.0  # seconds


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Environments:
    """A project's repository: bare, with a clone to push from."""

    root: Path

    @property
    def url(self) -> str:
        return str(self.root / "environments.git")

    @property
    def clone(self) -> Path:
        return self.root / "clone"

    @classmethod
    def create(cls, root: Path, files: Mapping[str, str]) -> Environments:
        environments = cls(root)
        root.mkdir(parents=True, exist_ok=True)
        git(root, "init", "--quiet", "--bare", "--template=", "environments.git")
        git(root, "clone", "--quiet", environments.url, "clone")
        git(environments.clone, "checkout", "--quiet", "-B", "main")
        environments.push(files)
        return environments

    def push(self, files: Mapping[str, str] | None = None) -> str:
        """Commit files, or nothing, and push. Returns the commit."""
        for name, content in (files or {}).items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        git(self.clone, "add", "--all")
        git(self.clone, "commit", "--quiet", "--allow-empty", "-m", "change")
        git(self.clone, "push", "--quiet", "origin", "HEAD:main")
        return git(self.clone, "rev-parse", "HEAD")


def standin_tree(*environments: str, **more: Any) -> dict[str, str]:
    """The files of a project whose units are these environments."""
    units = [{"name": each, "environment": each} for each in environments]
    return {"standin.json": json.dumps({"repositories": [{"repository": "", "units": units}], **more})}


@dataclass
class Listener:
    """A running listener."""

    process: fork_server.Process | subprocess.Popen[bytes]
    data: Path
    lines: list[str] = field(default_factory=list)
    port: int = 0

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        client: str = "127.0.0.1",
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE, source_address=(client, 0))
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, token: str = READ) -> Answer:
        return self.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})

    def units(self) -> dict[str, dict[str, Any]]:
        return {each["unit"]: each for each in self.get("/api/units").json()}

    def history(self) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = self.get("/api/history").json()
        return lines

    def post(self, sender: str, body: bytes, headers: Mapping[str, str], client: str = "127.0.0.1") -> Answer:
        return self.request("POST", f"/hooks/{sender}", body, headers, client)

    def wait(self, condition: Callable[[], Any], what: str = "the condition") -> Any:
        """Poll until a condition holds."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if result := condition():
                return result
            if self.process.poll() is not None:
                break
            threading.Event().wait(0.02)
        raise AssertionError(f"{what} did not come true:\n" + "\n".join(self.lines[-40:]))

    def wait_for_commit(self, unit: str, commit: str) -> None:
        def deployed() -> bool:
            apps = self.units().get(unit, {}).get("apps", [])
            return bool(apps) and all(app.get("commit") == commit for app in apps)

        self.wait(deployed, f"{unit} at {commit}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def listening(
    project: str, data: Path, *options: str, argv: tuple[str, ...] = (), **variables: str
) -> Iterator[Listener]:
    """Start a listener, and wait until it listens: the stand-in, forked, unless `argv` is given."""
    kept = ("PATH", "HOME", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "COVERAGE_RUN")
    environment = {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "SCOREFLY_READ_TOKEN": READ,
        "SCOREFLY_ACT_TOKEN": ACT,
        "SCOREFLY_STANDIN_LOG": str(data.parent / "deploys"),
        **{f"SCOREFLY_WEBHOOK_SECRET_{name.upper()}": secret for name, secret in SECRETS.items()},
        **variables,
    }
    environment = {name: value for name, value in environment.items() if value != "-"}
    words = [f"--project={project}", f"--data={data}", "--port=0", "--host=127.0.0.1", *options]
    reader, writer = os.pipe()
    process = _start([*argv, *words], environment, writer) if argv else _fork(["listen", *words], environment, writer)
    os.close(writer)
    errors = os.fdopen(reader, encoding="utf-8")
    listener = Listener(process, data)
    ready = threading.Event()

    def read() -> None:
        for line in errors:
            listener.lines.append(line.rstrip("\n"))
            if match := re.search(r"listening on http://.*:(\d+)$", line):
                listener.port = int(match[1])
                ready.set()
        ready.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        assert ready.wait(PATIENCE), "the listener did not start"
        yield listener
    finally:
        runs = children(process.pid) if process.poll() is None else []
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE)
        for run in runs:
            with suppress(ProcessLookupError):
                os.kill(run, signal.SIGKILL)
        thread.join(5)
        errors.close()


def children(pid: int) -> list[int]:
    """The child processes of a process."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, path.read_text().split())
    return found


def _start(arguments: list[str], environment: Mapping[str, str], errors: int) -> subprocess.Popen[bytes]:
    """Start a program whose standard error is an open file."""
    return subprocess.Popen(
        arguments,
        env=environment,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
    )


def _fork(
    arguments: list[str], environment: Mapping[str, str], errors: int
) -> fork_server.Process | subprocess.Popen[bytes]:
    """Start the stand-in by the fork server, unless each process is traced."""
    if fork_server.traced(environment):
        return _start([*STANDIN[:-1], *arguments], environment, errors)
    with Path(os.devnull).open("w") as nothing:
        return fork_server.start(
            "listener", arguments, cwd=REPOSITORY, environment=environment, out=nothing.fileno(), err=errors
        )


def hex_signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signed(
    sender: str, payload: Any, secret: str = "", *, event: str = "", at: float | None = None
) -> tuple[bytes, dict[str, str]]:
    """A body and the headers with which the sender would deliver it."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    secret = secret or SECRETS[sender]
    if sender == "github":
        return body, {"X-GitHub-Event": event or "push", "X-Hub-Signature-256": f"sha256={hex_signature(secret, body)}"}
    if sender == "gitea":
        return body, {"X-Gitea-Event": event or "push", "X-Gitea-Signature": hex_signature(secret, body)}
    if sender == "forgejo":
        return body, {"X-Forgejo-Event": event or "push", "X-Forgejo-Signature": hex_signature(secret, body)}
    if sender == "bitbucket":
        return body, {"X-Event-Key": event or "repo:push", "X-Hub-Signature": f"sha256={hex_signature(secret, body)}"}
    if sender == "gitlab":
        return body, {"X-Gitlab-Event": event or "Push Hook", "X-Gitlab-Token": secret}
    return body, standard_headers(secret, body, at)


def standard_headers(secret: str, body: bytes, at: float | None = None, identity: str = "msg_1") -> dict[str, str]:
    """The headers of Standard Webhooks, made by the published library."""
    from datetime import UTC, datetime

    from standardwebhooks.webhooks import Webhook

    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    signature = Webhook(secret).sign(identity, moment, body.decode("utf-8", "surrogateescape"))
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
    }


def push_payload(sender: str, repository: str, ref: str = "refs/heads/main", after: str = "a" * 40) -> Any:
    """A small push of each sender."""
    if sender == "gitlab":
        return {"object_kind": "push", "ref": ref, "after": after, "project": {"git_http_url": repository}}
    if sender == "bitbucket":
        name = ref.removeprefix("refs/heads/")
        change = {"new": {"type": "branch", "name": name, "target": {"hash": after}}}
        return {"repository": {"links": {"html": {"href": repository}}}, "push": {"changes": [change]}}
    if sender == "generic":
        return {"repository": repository, "ref": ref}
    return {"ref": ref, "after": after, "repository": {"clone_url": repository, "html_url": repository}}
