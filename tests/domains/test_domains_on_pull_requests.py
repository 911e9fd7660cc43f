"""Custom domains on pull requests: DNS records in the comments of plans and previews, and in no simulated one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from github_events import pull_request, variables
from github_server import GitHub
from workspaces import ActionResult, Workspace

BODY = """\
service: {ports: {http: {port: 8080}}}
resources: {way: {type: route, params: {host: pending.example.com, port: http}}}
"""


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        server.open_pull(7)
        yield server


def act(workspace: Workspace, github: GitHub, command: str, **inputs: str) -> ActionResult:
    given = {"command": command, "rehearse": "true", "state": "file", **inputs}
    payload = pull_request(github, 7, "synchronize")
    result = workspace.action(given, **variables(github, "pull_request", payload, workspace.path.parent))
    assert result.code == 0, result.out
    return result


def test_a_plan_comment_has_the_dns_records_of_a_pending_certificate(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web", BODY)
    new = act(workspace, github, "plan")
    assert "certificates: create <code>pending.example.com</code>" in github.bodies(7)[0]
    assert new.outputs["dns_records"] == "[]"
    assert workspace.run("deploy", "--rehearse", "--environment", "production").code == 0
    result = act(workspace, github, "plan")
    body = github.bodies(7)[0]
    assert "- <code>pending.example.com</code> (web): waiting for its DNS records" in body
    assert body.count("acme-challenge.pending.example.com</code>") == 1
    assert len(json.loads(result.outputs["dns_records"])) == 5


def test_a_preview_comment_has_them_only_when_the_preview_was_asked_for_certificates(
    workspace: Workspace, github: GitHub
) -> None:
    workspace.workload("web", BODY)
    result = act(workspace, github, "preview")
    assert "pending.example.com" not in github.bodies(7)[0]
    assert result.outputs["dns_records"] == "[]"
    act(workspace, github, "preview", certificates="always")
    assert github.bodies(7)[0].count("acme-challenge.pending.example.com</code>") == 1
