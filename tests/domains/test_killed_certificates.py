"""Runs that are killed while a certificate is made or deleted: the next one converges, with nothing twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from killing import Deadly, environment, killed
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

BODY = """\
service: {{ports: {{http: {{port: 8080}}}}}}
resources: {{way: {{type: route, params: {{host: {host}, port: http}}}}}}
"""
CERTIFICATES = "/v1/apps/web/certificates"


@pytest.mark.parametrize(
    "deadly",
    [
        Deadly("GET", CERTIFICATES),
        Deadly("POST", f"{CERTIFICATES}/acme"),
        Deadly("POST", "/v1/apps/web/ip_assignments", times=2),
    ],
    ids=lambda deadly: deadly.deadly[1],
)
def test_a_killed_request_is_taken_up_and_the_certificate_stays_ours(
    workspace: Workspace, tmp_path: Path, deadly: Deadly
) -> None:
    workspace.workload("web", BODY.format(host="one.example.com"))
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        killed(workspace, fly, given, "deploy", deadly)
        assert workspace.run("deploy", **given).code == 0
        assert list(fly.world.data["apps"]["web"]["certificates"]) == ["one.example.com"]
        workspace.workload("web", "service: {ports: {http: {port: 80}}}\n")
        assert workspace.run("deploy", **given).code == 0
        assert fly.world.data["apps"]["web"]["certificates"] == {}


@pytest.mark.parametrize(
    "deadly",
    [
        Deadly("DELETE", f"{CERTIFICATES}/one.example.com"),
        Deadly("GET", CERTIFICATES),
        Deadly("POST", f"{CERTIFICATES}/acme"),
    ],
    ids=lambda deadly: f"{deadly.deadly[0]}-{deadly.deadly[1]}",
)
def test_a_killed_change_of_hosts_converges(workspace: Workspace, tmp_path: Path, deadly: Deadly) -> None:
    workspace.workload("web", BODY.format(host="one.example.com"))
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        assert workspace.run("deploy", **given).code == 0
        workspace.workload("web", BODY.format(host="two.example.com"))
        killed(workspace, fly, given, "deploy", deadly)
        assert workspace.run("deploy", **given).code == 0
        assert list(fly.world.data["apps"]["web"]["certificates"]) == ["two.example.com"]
        again = workspace.run("deploy", **given)
        assert "https://two.example.com" in again.out
        shown = workspace.run("state", "show", "--format", "json")
        assert "one.example.com" not in json.dumps(shown.out)


def test_a_killed_check_leaves_a_certificate_that_the_next_run_finds_active(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.workload("web", BODY.format(host="one.example.com"))
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        assert workspace.run("deploy", **given).code == 0
        killed(workspace, fly, given, "deploy", Deadly("POST", f"{CERTIFICATES}/one.example.com/check"))
        assert "https://one.example.com" in workspace.run("deploy", **given).out
