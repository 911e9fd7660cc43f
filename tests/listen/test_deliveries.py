"""What a listener answers to deliveries: good ones, bad ones, too long, too slow and too many."""

from __future__ import annotations

import http.client
import itertools
import json
import resource
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from listeners import (
    ACT,
    SECRETS,
    Environments,
    Listener,
    listening,
    push_payload,
    signed,
    standard_headers,
    standin_tree,
)

OLD = "an-older-github-secret-9876"
_clients = (f"127.0.{third}.{fourth}" for third, fourth in itertools.product(range(1, 5), range(1, 255)))


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    return Environments.create(tmp_path_factory.mktemp("git"), standin_tree("staging"))


@pytest.fixture(scope="module")
def listener(environments: Environments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    data = tmp_path_factory.mktemp("listen") / "data"
    secrets: dict[str, Any] = {
        "SCOREFLY_WEBHOOK_SECRET_GITHUB": f"{SECRETS['github']} {OLD}",
        "SCOREFLY_WEBHOOK_SECRET_GITEA": "-",
    }
    with listening(environments.url, data, "--read-timeout=1s", **secrets) as running:
        running.wait(lambda: running.units().get("staging", {}).get("apps"))
        yield running


@pytest.fixture
def client() -> str:
    """An address of its own: failures of one test are not those of another."""
    return next(_clients)


@pytest.mark.parametrize("sender", [name for name in SECRETS if name != "gitea"])
def test_a_signed_push_is_accepted(sender: str, listener: Listener, environments: Environments, client: str) -> None:
    answer = listener.post(sender, *signed(sender, push_payload(sender, environments.url)), client)
    assert (answer.status, answer.json()) == (202, {"result": "accepted"})
    assert next(line for line in listener.history() if line["subject"] == sender)["result"] == "accepted"


def test_both_secrets_are_valid_while_one_replaces_the_other(
    listener: Listener, environments: Environments, client: str
) -> None:
    payload = push_payload("github", environments.url)
    statuses = [listener.post("github", *signed("github", payload, key), client).status for key in (OLD, "another-one")]
    assert statuses == [202, 401]


def test_a_form_of_github_is_accepted(listener: Listener, environments: Environments, client: str) -> None:
    from urllib.parse import urlencode

    content = urlencode({"payload": json.dumps(push_payload("github", environments.url))}).encode()
    body, headers = signed("github", content)
    headers |= {"Content-Type": "application/x-www-form-urlencoded"}
    assert listener.post("github", body, headers, client).json() == {"result": "accepted"}


def test_gitlab_may_sign_instead_of_sending_its_token(
    listener: Listener, environments: Environments, client: str
) -> None:
    body = json.dumps(push_payload("gitlab", environments.url)).encode()
    from base64 import b64encode

    key = "whsec_" + b64encode(SECRETS["gitlab"].encode()).decode()
    assert listener.post("gitlab", body, standard_headers(key, body), client).status == 202
    wrong = {**standard_headers(key, body + b" "), "X-Gitlab-Token": SECRETS["gitlab"]}
    assert listener.post("gitlab", body, wrong, client).status == 401


@pytest.mark.parametrize(
    ("event", "payload", "verdict"),
    [
        ("ping", {"zen": "Speak like a human."}, "ping"),
        ("issues", {"action": "opened"}, "not a push: issues"),
        ("push", push_payload("github", "https://github.com/acme/other.git"), "concerns no source"),
        ("push", push_payload("github", "https://github.com/acme/environments", after="0" * 40), "ref deleted"),
    ],
)
def test_what_concerns_no_source_is_a_line_of_the_history(
    event: str, payload: object, verdict: str, listener: Listener, client: str
) -> None:
    assert listener.post("github", *signed("github", payload, event=event), client).json() == {
        "result": "nothing to do"
    }
    assert listener.history()[0]["result"] == verdict


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"[]", b"7", b'{"ref": "refs/heads/main"}', b"[" * 1_000_000, b'{"a":' * 100_000, b"\xff\xfe{}",
     b'{"repository": {"clone_url": "https://github.com/' + b"x" * 600 + b'"}}'],
    ids=["empty", "text", "list", "number", "no repository", "deep lists", "deep objects", "not UTF-8", "long URL"],
)  # fmt: skip
def test_a_signed_body_that_is_no_push_is_refused(body: bytes, listener: Listener, client: str) -> None:
    answer = listener.post("github", *signed("github", body), client)
    assert (answer.status, list(answer.json())) == (400, ["error"])


@pytest.mark.parametrize("sender", [name for name in SECRETS if name != "gitea"])
def test_an_unsigned_and_a_wrongly_signed_delivery_are_refused(
    sender: str, listener: Listener, environments: Environments, client: str
) -> None:
    payload = push_payload(sender, environments.url)
    wrong = "whsec_" + "A" * 32 if sender == "generic" else "a-wrong-secret"
    assert listener.post(sender, *signed(sender, payload, wrong), client).status == 401
    assert listener.post(sender, json.dumps(payload).encode(), {}, client).status == 401


@pytest.mark.parametrize("shift", [-301, 301])
def test_a_standard_webhook_is_valid_for_five_minutes(
    shift: float, listener: Listener, environments: Environments, client: str
) -> None:
    payload = push_payload("generic", environments.url)
    assert listener.post("generic", *signed("generic", payload, at=time.time() + shift * 0.9), client).status == 202
    assert listener.post("generic", *signed("generic", payload, at=time.time() + shift), client).status == 401


@pytest.mark.parametrize("path", ["/hooks/unknown", "/hooks/", "/hooks/gitea", "/hooks/GitHub", "/nothing"])
def test_an_unknown_sender_and_one_without_a_secret_are_not_found(path: str, listener: Listener, client: str) -> None:
    assert listener.request("POST", path, b"{}", {"X-GitHub-Event": "push"}, client).status == 404


def test_only_post_delivers(listener: Listener, client: str) -> None:
    assert [listener.request(method, "/hooks/github", client=client).status for method in ("GET", "PUT")] == [405, 405]


def test_a_body_without_a_length_is_refused(listener: Listener, client: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", listener.port, source_address=(client, 0))
    connection.request("POST", "/hooks/github", iter([b"{}"]), {"X-Hub-Signature-256": "sha256=" + "0" * 64})
    assert connection.getresponse().status == 411
    connection.close()


def test_a_body_that_is_too_long_is_refused_before_it_is_read(listener: Listener, client: str) -> None:
    body, headers = signed("github", b" " * ((5 << 20) + 1))
    assert listener.post("github", body, headers, client).status == 413
    assert listener.post("github", *signed("github", b" " * (5 << 20)), client).status == 400


def test_a_slow_body_is_refused(listener: Listener, client: str) -> None:
    _, headers = signed("github", {})
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", listener.port), 20, (client, 0)) as connection:
        connection.sendall(f"POST /hooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n{lines}\r\n{{".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")


def test_ten_failures_in_a_minute_close_the_door_to_that_client_only(
    listener: Listener, environments: Environments, client: str
) -> None:
    good = signed("github", push_payload("github", environments.url))
    bad = signed("github", {}, "a-wrong-secret")
    assert [listener.post("github", *bad, client).status for _ in range(11)] == [401] * 10 + [429]
    refused = listener.post("github", *good, client)
    assert (refused.status, refused.headers["retry-after"]) == (429, "60")
    assert listener.post("github", *good, next(_clients)).status == 202


def test_a_body_is_in_no_log(listener: Listener, client: str) -> None:
    listener.post("github", *signed("github", b'{"canary": "body-of-a-delivery"'), client)
    listener.post("github", *signed("github", {"canary": "body-of-a-delivery"}, "a-wrong-secret"), client)
    text = "\n".join(listener.lines)
    assert "body-of-a-delivery" not in text
    assert not [secret for secret in SECRETS.values() if secret in text]


def test_a_replayed_delivery_deploys_nothing(listener: Listener, environments: Environments, client: str) -> None:
    commit = environments.push()
    delivery = signed("github", push_payload("github", environments.url, after=commit))
    listener.post("github", *delivery, client)
    listener.wait_for_commit("staging", commit)
    runs = [line["run"] for line in listener.history() if line["kind"] == "run"]
    assert {listener.post("github", *delivery, client).status for _ in range(50)} == {202}
    listener.wait(lambda: listener.get("/api/repositories").json()[0]["looked_at"] > time.time() - 0.5)
    assert [line["run"] for line in listener.history() if line["kind"] == "run"] == runs


def test_a_full_disk_refuses_and_loses_nothing(listener: Listener, environments: Environments, client: str) -> None:
    delivery = signed("github", push_payload("github", environments.url))
    pid = listener.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))  # no file may grow any more
    try:
        assert listener.post("github", *delivery, client).status == 503
        ready = listener.get("/readyz")
        assert (ready.status, "ledger" in ready.json()["problems"][0]) == (503, True)
        assert listener.get("/healthz").status == 200
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
    assert listener.post("github", *delivery, client).status == 202
    listener.wait(lambda: listener.get("/readyz").status == 200)


def test_metrics_count_deliveries_without_names(listener: Listener, client: str) -> None:
    listener.post("github", *signed("github", {}, event="ping"), client)
    listener.request("POST", "/hooks/unknown", b"{}", client=client)
    text = listener.request("GET", "/metrics", client=client).body.decode()
    assert 'scorefly_deliveries_total{sender="github",status="202"}' in text
    assert 'scorefly_deliveries_total{sender="unknown",status="404"}' in text
    assert "staging" not in text


def test_the_act_token_is_no_webhook_secret(listener: Listener, client: str) -> None:
    assert listener.post("github", *signed("github", {}, ACT), client).status == 401


def test_the_ledger_is_one_file_that_only_its_owner_reads(listener: Listener) -> None:
    files = {path.name for path in listener.data.iterdir() if path.is_file()}
    assert files <= {"ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm", "listen.lock"}
    assert (listener.data / "ledger.sqlite3").stat().st_mode & 0o077 == 0
