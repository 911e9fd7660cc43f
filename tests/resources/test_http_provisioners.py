"""`https://` and `http://` provisioners, through the command line, with a real server on loopback."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from provisioning_server import ProvisioningServer, Reply, provisioning_server
from workspaces import Result, Workspace

UID = "queue.default#web.queue"


@pytest.fixture
def queue(workspace: Workspace) -> Workspace:
    workspace.workload(
        "web",
        '    variables: {HOST: "${resources.queue.host}"}\n'
        "resources: {queue: {type: queue, metadata: {a: b}, params: {size: 3}}}\n",
    )
    return workspace


def entry(workspace: Workspace, uri: str, more: str = "") -> None:
    workspace.write(".scorefly/queue.provisioners.yaml", f"- {{uri: '{uri}', type: queue {more}}}\n")


def generate(workspace: Workspace, server: ProvisioningServer, more: str = "", **variables: str) -> Result:
    entry(workspace, f"{server.url}/queue", more)
    return workspace.run("generate", **variables)


def outputs(workspace: Workspace) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(workspace.run("resources", "outputs", UID, "--reveal").out)
    return found


def test_it_is_asked_by_post_in_the_documented_form_and_its_state_comes_back(queue: Workspace) -> None:
    answer = {"state": {"runs": 1}, "values": {"host": "there"}, "secrets": {"password": "p"}, "shared": {"s": 1}}
    with provisioning_server(Reply(body=answer)) as server:
        assert generate(queue, server).code == 0
        assert queue.run("generate").code == 0
    first, second = server.asked
    guid = first.body.pop("resource_uid")
    assert (first.method, first.path, first.headers["content-type"]) == ("POST", "/queue", "application/json")
    assert first.body == {
        "resource_type": "queue",
        "resource_class": "default",
        "resource_id": "web.queue",
        "resource_params": {"size": 3},
        "resource_metadata": {"a": "b"},
        "state": {},
        "shared": {},
    }
    assert (second.body["state"], second.body["shared"], second.body["resource_uid"]) == ({"runs": 1}, {"s": 1}, guid)
    assert queue.toml("web")["env"] == {"HOST": "there"}
    assert outputs(queue) == {"host": "there", "password": "p"}


def test_headers_come_from_github_secrets_and_from_nowhere_else(queue: Workspace) -> None:
    """requests would take a password for the host out of ~/.netrc, and a proxy out of the environment."""
    queue.write(".netrc", "machine 127.0.0.1 login other password other-password\n").chmod(0o600)
    with provisioning_server() as server:
        result = generate(
            queue,
            server,
            ", headers: {Authorization: 'Bearer {{ secrets.QUEUE }}', X-Stage: '{{ environment }}'}",
            SCOREFLY_SECRETS='{"QUEUE": "queue-token"}',
            HOME=str(queue.path),
            HTTP_PROXY="http://127.0.0.1:9",
        )
    assert result.code == 0, result.err
    (asked,) = server.asked
    assert (asked.headers["authorization"], asked.headers["x-stage"]) == ("Bearer queue-token", "local")


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(429, {"message": "slow down"}, {"Retry-After": "0"}),
        Reply(503, b"<html>", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        Reply(0),
    ],
)
def test_what_may_pass_is_tried_again(queue: Workspace, trouble: Reply) -> None:
    with provisioning_server(trouble, Reply(body={"values": {"host": "there"}})) as server:
        result = generate(queue, server)
    assert result.code == 0, result.err
    assert len(server.asked) == 2


def test_state_given_with_a_failure_is_what_the_next_attempt_and_the_next_run_begin_with(queue: Workspace) -> None:
    half = Reply(500, {"state": {"made": "half"}}, {"Retry-After": "0"})
    with provisioning_server(half) as server:
        result = generate(queue, server)
        assert (result.code, len(server.asked)) == (1, 5)
        assert "Internal Server Error (HTTP 500)" in result.err
        queue.run("generate")
    assert [asked.body["state"] for asked in server.asked[:6]] == [{}, *[{"made": "half"}] * 5]


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(400, {"error": "no such\nsize"}), "no such size (HTTP 400)"),
        (Reply(401, {}), "Unauthorized (HTTP 401) (check the headers of the entry)"),
        (Reply(404, b"<html>"), "Not Found (HTTP 404) (check the uri)"),
        (Reply(501, {}), "Not Implemented (HTTP 501)"),
        (Reply(200, b"hush-hush"), "its output is no JSON: Expecting value at line 1, column 1"),
        (Reply(200, b"x" * 1_100_000), "its output has more than 1 MiB"),
        (Reply(204, b""), "it gave no output"),
        (
            Reply(307, {}, {"Location": "http://127.0.0.1:9/"}),
            "it redirects (HTTP 307), and calls stay at their address",
        ),
    ],
)
def test_what_does_not_pass_is_told_at_once(queue: Workspace, reply: Reply, message: str) -> None:
    with provisioning_server(reply) as server:
        result = generate(queue, server)
    assert (result.code, len(server.asked), len(result.problems)) == (1, 1, 1), result.err
    assert result.problems[0].startswith(".scorefly/queue.provisioners.yaml:1:3: ")
    assert message in result.problems[0]
    assert "hush" not in result.err


def test_a_server_that_is_not_there_or_says_nothing_is_told(queue: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        entry(queue, f"http://127.0.0.1:{port}/", ", timeout: 1s")
        assert "it cannot be reached: ReadTimeout" in queue.run("generate").err
    result = queue.run("generate")
    assert result.code == 1
    assert "it cannot be reached: ConnectionError (check the uri, and that the server runs)" in result.err


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("http://provisioner.example/queue", "http:// sends state and secrets in clear"),
        ("https://user:pass@provisioner.example/", "the address holds a user or password"),
        ("https:///queue", "'https:///queue' is not an address"),
        ("https://provisioner.example:port/", "is not an address"),
    ],
)
def test_an_address_that_state_must_not_be_sent_to_is_refused(queue: Workspace, uri: str, problem: str) -> None:
    entry(queue, uri)
    result = queue.run("validate")
    assert result.code == 2
    assert problem in result.problems[0]
    assert result.problems[0].startswith(".scorefly/queue.provisioners.yaml:1:4: ")


def test_plain_http_is_taken_from_who_says_so(queue: Workspace) -> None:
    entry(queue, "http://provisioner.example/queue", ", insecure: true")
    assert queue.run("validate").code == 0
    entry(queue, "https://provisioner.example/queue", ", insecure: true")
    assert "unknown key 'insecure'" in queue.run("validate").err


@pytest.mark.parametrize("value", ["two\\nlines", "smile \\u263a"])
def test_a_header_that_could_be_two_is_refused_and_not_shown(queue: Workspace, value: str) -> None:
    with provisioning_server() as server:
        result = generate(
            queue, server, ", headers: {X-Key: '{{ secrets.KEY }}'}", SCOREFLY_SECRETS=f'{{"KEY": "{value}"}}'
        )
    assert (result.code, server.asked) == (2, [])
    assert "headers.X-Key holds what no header can" in result.err


def test_a_plan_says_that_it_is_one(queue: Workspace) -> None:
    with provisioning_server() as server:
        entry(queue, server.url, ", plan: true, rehearse: true")
        assert queue.run("deploy", "--rehearse", "--dry-run").code == 0
        assert queue.run("deploy", "--rehearse").code == 0
    assert [asked.headers["score-provisioner-mode"] for asked in server.asked] == ["plan", "provision"]


@pytest.mark.parametrize("reply", [Reply(200, {"shared": {"s": None}}), Reply(204, b""), Reply(410, b"gone")])
def test_it_is_deprovisioned_by_delete(queue: Workspace, reply: Reply) -> None:
    made = Reply(body={"state": {"n": 1}, "values": {"host": "there"}, "shared": {"s": 1}})
    with provisioning_server(made, reply) as server:
        generate(queue, server)
        result = queue.run("resources", "deprovision", UID, "--yes")
    assert result.code == 0, result.err
    assert [asked.method for asked in server.asked] == ["POST", "DELETE"]
    assert (server.asked[1].body["state"], server.asked[1].body["resource_params"]) == ({"n": 1}, {"size": 3})
    assert queue.run("resources", "outputs", UID).code == 2


def test_what_could_not_be_deprovisioned_stays(queue: Workspace) -> None:
    made = Reply(body={"state": {"n": 1}, "values": {"host": "there"}})
    with provisioning_server(made, Reply(404, {"state": {"n": 2}})) as server:
        generate(queue, server)
        assert queue.run("resources", "deprovision", UID, "--yes").code == 1
        assert queue.run("resources", "deprovision", UID, "--yes").code == 1
    assert [asked.body["state"] for asked in server.asked] == [{}, {"n": 1}, {"n": 2}]
    assert outputs(queue) == {"host": "there"}
