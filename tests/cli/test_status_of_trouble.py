"""What an operator is shown of apps in trouble: failed deploys, crashed and spare Machines, drift, certificates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flyctl_programs import environment
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

CRASHING = "rehearsal.invalid/crashing:1"
PORT = "service: {ports: {http: {port: 80}}}\n"


def deploy(workspace: Workspace, code: int = 0) -> None:
    result = workspace.run("deploy", "--rehearse", "--region", "ams")
    assert result.code == code, result.err


def facts(workspace: Workspace, *arguments: str) -> list[tuple[str, str]]:
    """The lines that `status` shows of an app, as their label and text."""
    result = workspace.run("status", "web", "--rehearse", *arguments)
    assert result.code == 0, result.err
    lines = [line[2:].partition(" ") for line in result.out.splitlines() if line.startswith("  ")]
    return [(label, text.strip()) for label, _, text in lines]


def edit_machines(workspace: Workspace, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change Machines behind the back of scorefly."""
    path = workspace.path / ".scorefly/rehearsal/world.json"
    world = json.loads(path.read_text())
    change(list(world["apps"]["web"]["machines"].values()))
    path.write_text(json.dumps(world))


def test_failed_deploy_is_named_with_its_crashed_machines(workspace: Workspace) -> None:
    workspace.workload("web", PORT)
    deploy(workspace)
    assert "problem" not in dict(facts(workspace))
    workspace.workload("web", PORT, image=CRASHING)
    deploy(workspace, 1)
    shown = dict(facts(workspace))
    assert shown["problem"] == "the last deploy did not finish (see its log, then deploy or roll back)"
    assert "1 crashed (exit code 1) in ams" in shown["machines"]
    row = json.loads(workspace.run("status", "web", "--rehearse", "--format", "json").out)[0]
    assert row["problem"] == shown["problem"]


def test_rollback_undoes_a_deploy_that_failed(workspace: Workspace) -> None:
    for variable in ("1", "2"):
        workspace.workload("web", f"    variables: {{A: '{variable}'}}\n{PORT}")
        deploy(workspace)
    workspace.workload("web", PORT, image=CRASHING)
    deploy(workspace, 1)
    result = workspace.run("rollback", "web", "--rehearse")
    assert result.code == 0, result.err
    machines = workspace.world["apps"]["web"]["machines"].values()
    assert {(each["config"]["image"], each["config"]["env"]["A"]) for each in machines} == {("nginx:1.27", "2")}
    assert "problem" not in dict(facts(workspace))
    result = workspace.run("rollback", "web", "--rehearse")
    assert result.code == 0, result.err
    machines = workspace.world["apps"]["web"]["machines"].values()
    assert {each["config"]["env"]["A"] for each in machines} == {"1"}


def test_spare_machine_of_a_worker_is_not_shown_as_stopped(workspace: Workspace) -> None:
    workspace.workload("web")
    deploy(workspace)
    assert dict(facts(workspace))["machines"] == "1 standby in ams, 1 started in ams"


def test_stopped_worker_is_drift(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.write("scorefly.yaml", "workloads: {web: {count: 1}}\n")
    deploy(workspace)
    edit_machines(workspace, lambda machines: machines[0].update(state="stopped"))
    assert ("drift", "running: 1 of 1 was deployed, 0 of 1 runs") in facts(workspace)


def test_drift_of_some_machines_says_what_differs(workspace: Workspace) -> None:
    workspace.workload("web", f"    variables: {{A: '1'}}\n{PORT}")
    workspace.write("scorefly.yaml", "workloads: {web: {regions: {ams: 2, iad: 1}}}\n")
    deploy(workspace)

    def change(machines: list[dict[str, Any]]) -> None:
        machines[0]["config"]["image"] = "nginx:by-hand"
        machines[1]["config"]["env"]["A"] = "2"
        machines[2]["config"]["env"]["B"] = "3"

    edit_machines(workspace, change)
    drift = [text for label, text in facts(workspace) if label == "drift"]
    assert "image: nginx:by-hand runs, and was not deployed" in drift
    assert "env: A was deployed, A, B runs" in drift


def test_rollback_reports_the_host_once_its_certificate_is_active(workspace: Workspace) -> None:
    way = "resources: {way: {type: route, params: {host: shop.example.com, port: http}}}\n"
    for variable in ("1", "2"):
        workspace.workload("web", f"    variables: {{A: '{variable}'}}\n{PORT}{way}")
        deploy(workspace)
    result = workspace.run("rollback", "web", "--rehearse", "--format", "json")
    assert result.code == 0, result.err
    assert json.loads(result.out)[0]["url"] == "https://shop.example.com" == dict(facts(workspace))["url"]


def test_records_of_a_pending_host_are_those_that_are_needed(workspace: Workspace) -> None:
    way = "resources: {way: {type: route, params: {host: shop.example.com, port: http}}}\n"
    workspace.workload("web", f"{PORT}{way}")
    deploy(workspace)
    shown = dict(facts(workspace))["host"]
    assert re.fullmatch(
        r"shop\.example\.com: pending_validation \(set A shop\.example\.com \S+ and AAAA shop\.example\.com \S+, "
        r"or CNAME shop\.example\.com \S+\.web\.fly\.dev\)",
        shown,
    )


@pytest.mark.parametrize("shape", ["table", "json"])
def test_expired_token_fails_status_and_does_not_show_apps_without_machines(
    workspace: Workspace, tmp_path: Path, shape: str
) -> None:
    workspace.workload("web", PORT)
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        assert workspace.run("deploy", "--region", "ams", **given).code == 0
        result = workspace.run("status", "--format", shape, **{**given, "FLY_API_TOKEN": "expired_token"})
    assert (result.code, result.out) == (1, "")
    assert "token only valid until" in result.err
    assert "check fly-api-token" in result.err
