"""Requests over real sockets that no honest client sends, and the signal to end in every phase."""

from __future__ import annotations

import itertools
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from listeners import ACT, READ, SECRETS, Environments, Listener, listening, push_payload, signed, standin_tree

_clients = (f"127.0.{third}.{fourth}" for third, fourth in itertools.product(range(20, 30), range(1, 255)))


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    return Environments.create(tmp_path_factory.mktemp("git"), standin_tree("staging"))


@pytest.fixture(scope="module")
def listener(environments: Environments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    data = tmp_path_factory.mktemp("listen") / "data"
    with listening(environments.url, data, "--read-timeout=1s") as running:
        running.wait(lambda: running.units().get("staging", {}).get("apps"))
        yield running


def send(listener: Listener, data: bytes, address: str = "127.0.0.1") -> tuple[int, bytes]:
    """Send bytes and read until the server closes. Returns the status, 0 without an answer, and everything it sent."""
    client = next(_clients) if address == "127.0.0.1" else ""
    with socket.create_connection((address, listener.port), 20, (client, 0) if client else None) as connection:
        answer = b""
        try:
            connection.sendall(data)
            while part := connection.recv(1 << 16):
                answer += part
        except ConnectionError:
            pass
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    return int(match[1]) if match else 0, answer


def delivery(
    url: str, *, line: str = "POST /hooks/github HTTP/1.1", host: str = "Host: x\r\n", more: str = ""
) -> bytes:
    body, headers = signed("github", push_payload("github", url))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"{line}\r\n{host}Content-Length: {len(body)}\r\nConnection: close\r\n{lines}{more}\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("path", "status"),
    [("/hooks/github", 202), ("/hooks/github?x=1", 202), ("/hooks/gith%75b", 202), ("/hooks/github/", 404),
     ("//hooks/github", 404), ("/hooks//github", 404), ("/hooks/github%2f", 404), ("/hooks/../hooks/github", 404),
     ("/hooks/github;x", 404), ("/hooks/github%00", 404), ("/HOOKS/github", 404), ("http://evil/hooks/github", 404)],
)  # fmt: skip
def test_only_the_path_of_a_sender_delivers_and_none_redirects(
    path: str, status: int, listener: Listener, environments: Environments
) -> None:
    code, answer = send(listener, delivery(environments.url, line=f"POST {path} HTTP/1.1"))
    assert code == status
    assert b"location" not in answer.lower()


@pytest.mark.parametrize("path", ["/login/", "/api/units/", "/units/staging/", "/style.css/"])
def test_a_path_with_a_slash_at_its_end_is_not_found(path: str, listener: Listener) -> None:
    assert listener.get(path).status == 404


def test_http_1_0_delivers_with_and_without_a_host(listener: Listener, environments: Environments) -> None:
    line = "POST /hooks/github HTTP/1.0"
    assert send(listener, delivery(environments.url, line=line))[0] == 202
    assert send(listener, delivery(environments.url, line=line, host=""))[0] == 202


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PUT", "PATCH", "DELETE", "post"])
def test_no_other_method_delivers(method: str, listener: Listener, environments: Environments) -> None:
    assert send(listener, delivery(environments.url, line=f"{method} /hooks/github HTTP/1.1"))[0] == 405


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/login", "/api/units"])
def test_head_is_get_without_a_body(path: str, listener: Listener) -> None:
    headers = {"Authorization": f"Bearer {READ}"}
    answer = listener.request("HEAD", path, headers=headers)
    assert (answer.status, answer.body) == (listener.get(path).status, b"")
    assert listener.request("OPTIONS", path).status == 405


@pytest.mark.parametrize("length", ["+5", "0x5", "-1", "", "5 5", "1e3", "5, 6", "\u0663"])
def test_a_length_that_is_no_number_is_refused(length: str, listener: Listener) -> None:
    head = f"POST /hooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    assert send(listener, head.encode())[0] == 400


@pytest.mark.parametrize(
    ("more", "status"),
    [("Content-Length: 3\r\n", 400), ("Transfer-Encoding: chunked\r\n", 411), ("Transfer-Encoding: identity\r\n", 400),
     ("Host: y\r\n", 400), (f"X: {'a' * 200_000}\r\n", 400), ("X: a\r\n" * 1000, 431), ("X\0: a\r\n", 400),
     (f"X-Hub-Signature-256: sha256={'0' * 64}\r\n", 401)],
    ids=["two lengths", "length and chunks", "identity", "two hosts", "huge", "many", "zero byte", "two signatures"],
)  # fmt: skip
def test_headers_that_contradict_each_other_or_have_no_end_are_refused(
    more: str, status: int, listener: Listener, environments: Environments
) -> None:
    # What is too long may be cut off before its answer is read.
    assert send(listener, delivery(environments.url, more=more))[0] in (
        (status, 0) if len(more) > 70_000 else (status,)
    )


def test_a_body_that_is_shorter_or_longer_than_its_length(listener: Listener, environments: Environments) -> None:
    whole = delivery(environments.url)
    assert send(listener, whole[:-5])[0] == 408
    assert send(listener, whole + b"garbage" * 1000)[0] == 202


@pytest.mark.parametrize(
    "data",
    [b"POST /hooks/github HTTP/1.1\r\nHos", b"\r\n", b"", os.urandom(64).replace(b"\n", b"") + b"A" * 64,
     b"POST /hooks/github HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
    ids=["half a head", "empty line", "nothing", "noise", "chunks without an end"],
)  # fmt: skip
def test_a_connection_that_says_too_little_is_closed(data: bytes, listener: Listener) -> None:
    assert send(listener, data)[0] in (0, 400, 411)


def test_many_slow_clients_keep_no_other_from_being_heard(listener: Listener, environments: Environments) -> None:
    address = ("127.0.0.1", listener.port)
    slow = [socket.create_connection(address, 20, (next(_clients), 0)) for _ in range(100)]
    ended = threading.Event()

    def drip() -> None:
        for letter in itertools.cycle(b"X: abcdefg\r\n"):
            for each in list(slow):
                try:
                    each.send(bytes([letter]))
                except OSError:
                    each.close()
                    slow.remove(each)
            if not slow or ended.wait(0.05):
                return

    for each in slow:
        each.send(b"POST /hooks/github HTTP/1.1\r\n")
    thread = threading.Thread(target=drip)
    thread.start()
    try:
        assert send(listener, delivery(environments.url))[0] == 202
        listener.wait(lambda: not slow, "every slow connection is closed")
    finally:
        ended.set()
        thread.join()
        for each in slow:
            each.close()


def test_a_refused_client_is_not_asked_for_its_body(listener: Listener, environments: Environments) -> None:
    unsigned = b"POST /hooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
    code, answer = send(listener, unsigned.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert (code, b"100 Continue" in answer) == (401, False)
    assert b"100 Continue" in send(listener, delivery(environments.url, more="Expect: 100-continue\r\n"))[1]


def test_the_secret_of_another_sender_and_the_header_of_another_sender_are_refused(
    listener: Listener, environments: Environments
) -> None:
    payload = push_payload("github", environments.url)
    for sender, other in itertools.permutations(("github", "gitea", "forgejo", "bitbucket", "gitlab"), 2):
        body, headers = signed(sender, payload, SECRETS[other])
        assert listener.post(sender, body, headers, next(_clients)).status == 401
        if {sender, other} != {"github", "bitbucket"}:
            assert listener.post(other, *signed(sender, payload), next(_clients)).status == 401


def test_a_form_with_the_wrong_type_and_json_with_a_forms_type_are_no_push(
    listener: Listener, environments: Environments
) -> None:
    body, headers = signed("github", push_payload("github", environments.url))
    form = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    assert listener.post("github", body, form, next(_clients)).status == 400
    assert listener.post("github", *signed("github", b"payload=%7B%7D"), next(_clients)).status == 400
    other = {**headers, "Content-Type": "text/plain; charset=utf-16"}
    assert listener.post("github", body, other, next(_clients)).status == 202


@pytest.mark.parametrize(
    ("path", "status"),
    [("/runs/99999999999999999999999", 404), ("/api/runs/9223372036854775808", 404), ("/runs/-1", 404),
     ("/units/%00", 404), ("/units/%ff%fe", 404), ("/units/" + "a" * 5000, 404), ("/units/..%2f..%2fetc", 404)],
)  # fmt: skip
def test_a_page_that_cannot_exist_is_not_found(path: str, status: int, listener: Listener) -> None:
    assert listener.get(path).status == status


@pytest.mark.parametrize(
    "body",
    [b'{"units":["\\ud800"]}', b'{"units":["\\u0000"]}', b'{"units":[[]]}', b"[" * 60_000, b"NaN", b"\xff", b'"x"'],
)
def test_a_body_of_sync_that_names_no_units_is_refused(body: bytes, listener: Listener) -> None:
    assert listener.request("POST", "/api/sync", body, {"Authorization": f"Bearer {ACT}"}).status == 400


@pytest.mark.parametrize(
    "value",
    ["scorefly_session=\xff\xfe.1.2.3", 'scorefly_session="act.9999999999.x.y"', "a=b;" * 5000, "scorefly_session=.",
     "scorefly_session=act.9999999999.x." + "0" * 64],
)  # fmt: skip
def test_a_made_up_cookie_opens_nothing(value: str, listener: Listener) -> None:
    head = f"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: {value}\r\n\r\n"
    assert send(listener, head.encode("latin-1"))[0] == 401


def test_nothing_of_all_this_was_a_fault(listener: Listener) -> None:
    assert not [line for line in listener.lines if "internal error" in line or "Traceback" in line]
    assert listener.get("/readyz").status == 200


def test_ipv6_delivers_and_its_clients_are_networks(environments: Environments, tmp_path: Path) -> None:
    if not socket.has_ipv6:
        pytest.skip("needs IPv6")
    with listening(environments.url, tmp_path / "data", "--host=::") as running:
        assert send(running, delivery(environments.url), "::1")[0] == 202
        assert send(running, delivery(environments.url))[0] == 202
        wrong = delivery(environments.url).replace(b"sha256=", b"sha256=0")
        assert [send(running, wrong, "::1")[0] for _ in range(11)] == [401] * 10 + [429]


@pytest.mark.parametrize("phase", ["start", "look", "tree", "run", "delivery"])
def test_the_signal_to_end_is_followed_in_every_phase(phase: str, tmp_path: Path) -> None:
    runs = {"staging": {"seconds": 1}} if phase == "run" else {}
    environments = Environments.create(
        tmp_path / "git", standin_tree("staging", runs=runs, seconds=int(phase == "tree"))
    )
    project, data = environments.url, tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as hanging:  # a git host that takes connections and says nothing
        if phase == "look":
            project = f"http://127.0.0.1:{hanging.getsockname()[1]}/acme/environments.git"
        with ExitStack() as stack, listening(project, data, "--kill-timeout=20s") as running:
            if phase == "look":
                stack.enter_context(hanging.accept()[0])
            elif phase == "tree":
                running.wait((tmp_path / "deploys.calls").exists)
            elif phase == "run":
                running.wait(lambda: running.units().get("staging", {}).get("state") == "running")
            elif phase == "delivery":
                slow = stack.enter_context(socket.create_connection(("127.0.0.1", running.port), 20))
                slow.sendall(delivery(environments.url)[:-5])
            with ended_within(15, running):
                assert running.end(signal.SIGTERM) == 0
            assert not [line for line in running.lines if "internal error" in line]
    with listening(environments.url, data if phase != "look" else tmp_path / "other") as again:
        again.wait(lambda: again.units().get("staging", {}).get("state") == "ok")


class ended_within:  # noqa: N801 - reads as a condition
    """Kill a listener that does not end in time, which fails the test."""

    def __init__(self, seconds: float, listener: Listener) -> None:
        self._timer = threading.Timer(seconds, listener.process.kill)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: Any) -> None:
        self._timer.cancel()
