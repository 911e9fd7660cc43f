"""Fly, GitHub and provisioner servers that answer badly: bounded, never followed elsewhere, never a fault of ours."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from provisioning_server import Reply, provisioning_server
from scorefly.fly.api import FlyApi
from scorefly.github.api import GitHubApi
from scorefly.http import RedirectError, check_redirect, exchange
from scorefly.problems import ExternalError
from workspaces import Workspace

SECRET = "canary-secret-value"
MALFORMED = [
    Reply(body=b""),
    Reply(body=b"null"),
    Reply(body=b"[null]"),
    Reply(body=b"7"),
    Reply(body=b'"text"'),
    Reply(202, b""),
    Reply(202, b"{}"),
    Reply(body=b'{"machines": 3, "secrets": 3, "ips": 3, "regions": 3}'),
    Reply(body=b'[{"id": {}}]'),
    Reply(body=b'{"id": 5, "name": [], "head": null}'),
    Reply(body=b"<html>maintenance</html>", headers={"Content-Type": "text/html"}),
    Reply(body=b"not gzip", headers={"Content-Encoding": "gzip"}),
    Reply(body=gzip.compress(b'{"id": "a"}')[:-12], headers={"Content-Encoding": "gzip"}),
    Reply(body=b"[" * 100_000),
    Reply(body=b"\xff\xfe\x00"),
]
FLY_CALLS: list[tuple[str, Callable[[FlyApi], Any]]] = [
    ("app", lambda api: api.app("web")),
    ("machine", lambda api: api.machine("web", "m")),
    ("create_machine", lambda api: api.create_machine("web", {}, "")),
    ("update_machine", lambda api: api.update_machine("web", "m", {})),
    ("create_volume", lambda api: api.create_volume("web", "v", "ams", 1)),
]
FLY_LISTS: list[tuple[str, Callable[[FlyApi], Any]]] = [
    ("machines", lambda api: api.machines("web")),
    ("volumes", lambda api: api.volumes("web")),
    ("org_machines", lambda api: api.org_machines("personal")),
    ("org_volumes", lambda api: api.org_volumes("personal")),
    ("secrets", lambda api: api.secrets("web")),
    ("update_secrets", lambda api: api.update_secrets("web", {"A": SECRET})),
    ("addresses", lambda api: api.addresses("web")),
    ("regions", lambda api: api.regions()),
    ("create_app", lambda api: api.create_app("web", "personal")),
    ("allocate_address", lambda api: api.allocate_address("web", "v6", "personal")),
    ("wait_machine", lambda api: api.wait_machine("web", "m", "started", 1)),
]
GITHUB_CALLS: list[tuple[str, Callable[[GitHubApi], Any]]] = [
    ("pull", lambda api: api.pull(1)),
    ("open_pulls", lambda api: api.open_pulls()),
    ("may_write", lambda api: api.may_write("owner")),
    ("comments", lambda api: list(api.comments(1))),
    ("create_comment", lambda api: api.create_comment(1, "x")),
    ("deployments", lambda api: list(api.deployments())),
    ("create_deployment", lambda api: api.create_deployment("preview", "main", "x")),
    ("deployment_state", lambda api: api.deployment_state(1)),
    ("refs", lambda api: api.refs("scorefly")),
]


def fly(url: str) -> FlyApi:
    return FlyApi("token-canary", base_url=url, sleep=lambda _: None)


def github(url: str) -> GitHubApi:
    return GitHubApi("token-canary", "acme/shop", url, sleep=lambda _: None)


@pytest.mark.parametrize("reply", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_answers_of_fly_are_external_errors(reply: Reply) -> None:
    with provisioning_server(reply) as server, fly(server.url) as api:
        for _, call in FLY_CALLS:
            with pytest.raises(ExternalError, match="Fly "):
                call(api)
        for _, call in FLY_LISTS:
            try:
                call(api)
            except ExternalError as error:
                assert "Fly" in str(error)
                assert "canary" not in str(error)


@pytest.mark.parametrize("reply", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_answers_of_github_are_external_errors(reply: Reply) -> None:
    with provisioning_server(reply) as server, github(server.url) as api:
        for _, call in GITHUB_CALLS:
            try:
                call(api)
            except ExternalError as error:
                assert "GitHub" in str(error)
        if b'"id": 5' not in reply.body:
            with pytest.raises(ExternalError, match="GitHub"):
                api.create_comment(1, "x")


def test_malformed_answer_to_a_get_is_repeated_and_names_method_path_and_cause() -> None:
    good = Reply(body={"id": "m", "state": "started"})
    with provisioning_server(Reply(body=b"<html>"), Reply(body=b"null"), good) as server, fly(server.url) as api:
        assert api.machine("web", "m").state == "started"
        assert len(server.asked) == 3
    with provisioning_server(Reply(202, b"{}")) as server, fly(server.url) as api:
        with pytest.raises(ExternalError, match=r"GET /apps/web/machines/m .*id is missing or null"):
            api.machine("web", "m")
        server.asked.clear()
        with pytest.raises(ExternalError, match="POST /apps/web/machines"):
            api.create_machine("web", {}, "")
        assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_of_a_call_with_a_body_is_refused_and_names_the_host(status: int) -> None:
    with provisioning_server() as other:
        location = {"Location": other.url.replace("127.0.0.1", "localhost")}
        with provisioning_server(Reply(status, {}, location)) as server, fly(server.url) as api:
            with pytest.raises(ExternalError, match="a redirect to localhost"):
                api.update_secrets("web", {"A": SECRET})
            with pytest.raises(ExternalError, match="a redirect to localhost"):
                api.delete_app("web")
        with provisioning_server(Reply(status, {}, location)) as server, github(server.url) as hub:
            with pytest.raises(ExternalError, match="a redirect to localhost"):
                hub.create_comment(1, SECRET)
        assert other.asked == []


def test_get_is_redirected_to_another_origin_without_the_token() -> None:
    with provisioning_server(Reply(body={"id": "m"})) as other:
        reply = Reply(307, {}, {"Location": f"{other.url}/elsewhere"})
        with provisioning_server(reply) as server, fly(server.url) as api:
            assert api.machine("web", "m").id == "m"
            assert "authorization" in server.asked[0].headers
        assert [asked.path for asked in other.asked] == ["/elsewhere"]
        assert "authorization" not in other.asked[0].headers


def test_get_is_redirected_within_its_origin_with_the_token() -> None:
    moved = Reply(301, {}, {"Location": "/repositories/1/pulls"})
    with provisioning_server(moved, Reply(body=b"[]")) as server, github(server.url) as api:
        assert api.open_pulls() == {}
        assert [asked.path for asked in server.asked][1] == "/repositories/1/pulls"
        assert "authorization" in server.asked[1].headers


def test_listing_that_repeats_a_page_is_an_error() -> None:
    page = {"machines": [], "volumes": [], "next_cursor": "again"}
    with provisioning_server(Reply(body=page)) as server, fly(server.url) as api:
        with pytest.raises(ExternalError, match="repeats a page"):
            api.org_machines("personal")
    with provisioning_server() as server, github(server.url) as hub:
        server.replies[:] = [Reply(body=b"[]", headers={"Link": f'<{server.url}/again>; rel="next"'})]
        with pytest.raises(ExternalError, match="repeats a page"):
            list(hub.comments(1))
        assert len(server.asked) == 2


@contextmanager
def dribbling_server(head: bytes) -> Iterator[str]:
    """Sends `head` and then a byte at a time, without end."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(1 << 16)
            try:
                connection.sendall(head)
                while not over.wait(0.02):
                    connection.sendall(b"a")
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        thread.join()
        listening.close()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"])
def test_a_byte_at_a_time_does_not_extend_the_deadline(head: bytes) -> None:
    with dribbling_server(head) as url, requests.Session() as session:
        before = time.monotonic()
        with pytest.raises(requests.RequestException):
            exchange(session, "GET", url, seconds=0.3)
        # Without a bound on the whole it would take hours.
        assert time.monotonic() - before < 30


def test_answer_larger_than_the_limit_is_refused() -> None:
    bomb = gzip.compress(b"[" + b" " * (40 << 20) + b"]")
    with provisioning_server(Reply(body=bomb, headers={"Content-Encoding": "gzip"})) as server, fly(server.url) as api:
        with pytest.raises(ExternalError, match="more than 16 MiB"):
            api.machines("web")


@pytest.mark.parametrize(
    "target",
    [
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/x",
        "https://2130706433/x",
        "https://0.0.0.0/x",
        "http://a.example/x",
        "ftp://a.example/x",
        "https://user@a.example/x",
        "https://a.example:99999/x",
        "file:///etc/passwd",
    ],
)
def test_redirect_from_outside_to_an_internal_or_unsafe_address_is_refused(target: str) -> None:
    with pytest.raises(RedirectError):
        check_redirect("https://files.example/q.yaml", target)


def test_redirect_of_a_provisioner_file_is_checked_before_it_is_requested(workspace: Workspace) -> None:
    workspace.workload("web")
    with provisioning_server(Reply(302, {}, {"Location": "http://files.invalid/q.yaml"})) as server:
        result = workspace.run("validate", "--provisioners", f"{server.url}/q.yaml#sha256={'0' * 64}")
    assert result.code == 1
    assert "a redirect to files.invalid over http://" in result.err


def test_redirect_of_a_provisioner_file_that_is_allowed_is_followed(workspace: Workspace) -> None:
    workspace.workload("web")
    content = b"- {uri: static://platform/queue, type: queue, outputs: {host: there}}\n"
    digest = hashlib.sha256(content).hexdigest()
    with provisioning_server(Reply(302, {}, {"Location": "/moved.yaml"}), Reply(body=content)) as server:
        result = workspace.run("validate", "--provisioners", f"{server.url}/q.yaml#sha256={digest}")
    assert result.code == 0, result.err


@pytest.mark.parametrize(
    "errors",
    [
        [{"resource": "Deployment", "field": "ref", "code": "invalid"}],
        [{"message": "ref Deployment is invalid"}],
        ["ref Deployment is invalid"],
        "ref Deployment is invalid",
    ],
)
def test_reasons_of_a_validation_error_are_shown(errors: object) -> None:
    reply = Reply(422, {"message": "Validation Failed", "errors": errors})
    with provisioning_server(reply) as server, github(server.url) as api:
        with pytest.raises(ExternalError, match=r"Validation Failed: .*invalid") as caught:
            api.create_deployment("preview", "main", "x")
    assert "githubstatus" not in str(caught.value)


@pytest.mark.parametrize("status", [404, 409, 410, 451])
def test_refusals_do_not_point_to_the_status_page(status: int) -> None:
    with provisioning_server(Reply(status, {"message": "no"})) as server, github(server.url) as api:
        with pytest.raises(ExternalError) as caught:
            api.create_deployment("preview", "main", "x")
    assert "githubstatus" not in str(caught.value)
