"""Notices of failures and recoveries reach a receiver, signed, also after it was down."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from listeners import ACT, Environments, listening, push_payload, signed, standin_tree

SECRET = "whsec_" + base64.b64encode(b"a-secret-for-notices").decode()


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.statuses = [200]
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/notices"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(Webhook(SECRET).verify(body, dict(self.headers.items())))
        self.send_response(self.server.statuses.pop(0) if len(self.server.statuses) > 1 else self.server.statuses[0])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None: ...


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_failure_and_the_recovery_are_told_once_each(tmp_path: Path, receiver: Receiver) -> None:
    failing = standin_tree("staging", runs={"staging": {"exit": 1, "problem": "Fly said no"}})
    environments = Environments.create(tmp_path / "git", failing)
    arguments = (f"--notify={receiver.url}",)
    with listening(environments.url, tmp_path / "data", *arguments, SCOREFLY_NOTIFY_SECRET=SECRET) as listener:
        listener.wait(lambda: receiver.received)
        listener.request("POST", "/api/sync", headers={"Authorization": f"Bearer {ACT}"})
        listener.wait(lambda: listener.units()["staging"]["attempts"] == 2)
        commit = environments.push(standin_tree("staging"))
        listener.post("github", *signed("github", push_payload("github", environments.url)))
        listener.wait(lambda: len(receiver.received) > 1)
    kinds = [(notice["type"], notice["data"]["unit"], notice["data"]["reason"]) for notice in receiver.received]
    assert kinds == [
        ("unit.failed", "staging", "scorefly.yaml:1:1: Fly said no"),
        ("unit.recovered", "staging", ""),
    ]
    assert commit in receiver.received[1]["data"]["commits"].values()
    assert len({notice["id"] for notice in receiver.received}) == 2
    assert SECRET not in json.dumps(listener.lines)


def test_a_notice_that_was_not_taken_is_sent_again_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    receiver.statuses = [500, 200]
    tree = standin_tree("staging", runs={"staging": {"exit": 2, "problem": "no such key"}})
    environments = Environments.create(tmp_path / "git", tree)
    arguments = (environments.url, tmp_path / "data", f"--notify={receiver.url}")
    with listening(*arguments, SCOREFLY_NOTIFY_SECRET=SECRET) as listener:
        listener.wait(lambda: any("notify: HTTP 500" in line for line in listener.lines))
        listener.end()
    with listening(*arguments, SCOREFLY_NOTIFY_SECRET=SECRET) as listener:
        listener.wait(lambda: len(receiver.received) == 2)
    assert receiver.received[0] == receiver.received[1]
