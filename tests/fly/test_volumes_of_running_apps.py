"""Volumes and regions that change under an app that runs: in the rehearsal, and with flyctl or its stand-in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flyctl_programs import environment
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

DISK = '    volumes: {{/data: {{source: "${{resources.{0}}}"}}}}\nresources: {{{0}: {{type: volume{1}}}}}\n'
DATA = DISK.format("data", "")


def app_of(workspace: Workspace) -> Any:
    return workspace.world["apps"]["web"]


def test_removed_and_renamed_volumes_replace_the_machine_and_are_named(workspace: Workspace) -> None:
    workspace.workload("web", DATA)
    assert workspace.run("deploy", "--rehearse").code == 0
    (volume,) = app_of(workspace)["volumes"]
    workspace.workload("web", DISK.format("other", ""))
    assert workspace.run("plan", "--rehearse").code == 0
    planned = json.loads((workspace.path / ".scorefly/out/local/plan.json").read_text())["apps"][0]
    assert [(each["action"], each["name"]) for each in planned["volumes"]] == [("create", "other"), ("detach", "data")]
    assert volume in planned["data_risks"][0]
    result = workspace.run("deploy", "--rehearse")
    assert (result.code, f"fly volumes destroy {volume} -a web" in result.err) == (0, True)
    (machine,) = app_of(workspace)["machines"].values()
    assert [mount["name"] for mount in machine["config"]["mounts"]] == ["other"]
    workspace.workload("web")
    assert workspace.run("deploy", "--rehearse").code == 0
    assert not any(each["config"].get("mounts") for each in app_of(workspace)["machines"].values())
    assert sorted(each["state"] for each in app_of(workspace)["machines"].values()) == ["started", "stopped"]
    assert len(app_of(workspace)["volumes"]) == 2
    assert "1 unchanged" in workspace.run("deploy", "--rehearse").out


def test_a_volume_added_to_a_running_app_is_mounted(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.run("deploy", "--rehearse")
    workspace.workload("web", DATA)
    assert workspace.run("deploy", "--rehearse").code == 0
    (machine,) = app_of(workspace)["machines"].values()
    assert machine["config"]["mounts"][0]["path"] == "/data"


@pytest.mark.parametrize(
    ("bodies", "desired"),
    [(("", DATA), ["data"]), ((DATA, ""), []), ((DATA, DISK.format("other", "")), ["other"])],
)
def test_volume_changes_pass_through_flyctl(
    workspace: Workspace, tmp_path: Path, bodies: tuple[str, str], desired: list[str]
) -> None:
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        for body in bodies:
            workspace.workload("web", body)
            result = workspace.run("deploy", "--region", "ams", "--ha", "false", **given)
            assert result.code == 0, result.err
        (machine,) = fly.world.data["apps"]["web"]["machines"].values()
    mounted = [mount["name"] for mount in machine["config"].get("mounts") or ()]
    assert mounted == desired


def test_standby_of_a_worker_that_gets_a_volume_goes(workspace: Workspace, tmp_path: Path) -> None:
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        for body in ("", DATA):
            workspace.workload("web", body)
            result = workspace.run("deploy", "--region", "ams", **given)
            assert result.code == 0, result.err
        app = fly.world.data["apps"]["web"]
        assert [each["state"] for each in app["machines"].values()] == ["started"]
        assert len(app["volumes"]) == 1
        assert "1 unchanged" in workspace.run("deploy", "--region", "ams", **given).out


def test_volumes_cannot_shrink_and_plan_and_deploy_say_so(workspace: Workspace) -> None:
    workspace.workload("web", DISK.format("data", ", params: {size_gb: 10}"))
    workspace.run("deploy", "--rehearse")
    workspace.workload("web", DISK.format("data", ", params: {size_gb: 5}"))
    for command in ("plan", "deploy"):
        result = workspace.run(command, "--rehearse")
        assert (result.code, "stays at 10 GB" in result.out + result.err) == (0, True)


def test_volumes_are_made_for_their_machine_and_keep_snapshots_as_annotated(workspace: Workspace) -> None:
    def annotate(days: int) -> None:
        head = f'metadata:\n  name: web\n  annotations: {{scorefly/volume-snapshot-retention: "{days}"}}\n'
        body = "apiVersion: score.dev/v1b1\n" + head + "containers:\n  main:\n    image: nginx:1.27\n" + DATA
        (workspace.path / "web.score.yaml").write_text(body)

    annotate(14)
    assert workspace.run("deploy", "--rehearse").code == 0
    (volume,) = app_of(workspace)["volumes"].values()
    assert volume["snapshot_retention"] == 14
    annotate(21)
    assert workspace.run("deploy", "--rehearse").code == 0
    (volume,) = app_of(workspace)["volumes"].values()
    assert volume["snapshot_retention"] == 21


def test_a_changed_region_moves_machines_without_a_volume(workspace: Workspace) -> None:
    workspace.workload("web", "service: {ports: {http: {port: 80}}}\n")
    workspace.run("deploy", "--rehearse", "--region", "ams")
    assert "moves from ams to fra" in workspace.run("plan", "--rehearse", "--region", "fra").out
    assert workspace.run("deploy", "--rehearse", "--region", "fra").code == 0
    assert {each["region"] for each in app_of(workspace)["machines"].values()} == {"fra"}
    assert len(app_of(workspace)["machines"]) == 2
    assert "1 unchanged" in workspace.run("deploy", "--rehearse", "--region", "fra").out


@pytest.mark.parametrize("command", ["plan", "deploy"])
def test_a_changed_region_of_a_volume_is_refused_with_what_to_do(workspace: Workspace, command: str) -> None:
    workspace.workload("web", DATA)
    workspace.run("deploy", "--rehearse", "--region", "ams")
    before = workspace.world
    result = workspace.run(command, "--rehearse", "--region", "fra")
    assert result.code == 1
    assert "volumes cannot move" in result.err
    assert workspace.world == before
