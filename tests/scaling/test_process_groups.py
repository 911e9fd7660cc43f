"""Counts and regions of apps with several process groups, which an overlay makes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flyctl_programs import environment
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

OVERLAY = """\
[processes]
web = "serve"
worker = "work"
[http_service]
processes = ["web"]
[[mounts]]
source = "data"
destination = "/data"
initial_size = "1gb"
processes = ["worker"]
"""


def machines(app: Any) -> dict[tuple[str, str], int]:
    return dict(
        Counter((each["config"]["metadata"]["fly_process_group"], each["region"]) for each in app["machines"].values())
    )


@pytest.mark.parametrize("through_flyctl", [True, False])
def test_every_process_group_has_its_stated_machines(
    workspace: Workspace, tmp_path: Path, through_flyctl: bool
) -> None:
    workspace.workload("web", "service: {ports: {http: {port: 80}}}\n")
    workspace.write(".scorefly/overlay.web.toml", OVERLAY)
    steps = {
        "{count: {web: 2, worker: 1}}": {("web", "ams"): 2, ("worker", "ams"): 1},
        "{count: 2}": {("web", "ams"): 2, ("worker", "ams"): 2},
        "{regions: {web: {ams: 1, iad: 1}, worker: {ams: 1, fra: 1}}}": {
            ("web", "ams"): 1,
            ("web", "iad"): 1,
            ("worker", "ams"): 1,
            ("worker", "fra"): 1,
        },
        "{count: {worker: 1}}": {("web", "ams"): 1, ("web", "iad"): 1, ("worker", "ams"): 1},
    }
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        run = ("deploy", "--region", "ams") if through_flyctl else ("deploy", "--rehearse", "--region", "ams")
        for stated, expected in steps.items():
            workspace.write("scorefly.yaml", f"workloads: {{web: {stated}}}\n")
            result = workspace.run(*run, **given)
            assert result.code == 0, result.err
            app = fly.world.data["apps"]["web"] if through_flyctl else workspace.world["apps"]["web"]
            assert machines(app) == expected
            workers = {
                key for key, each in app["machines"].items() if each["config"]["env"]["FLY_PROCESS_GROUP"] == "worker"
            }
            assert {each["attached_machine_id"] for each in app["volumes"].values()} == workers
            assert {each["config"]["init"]["cmd"][0] for each in app["machines"].values()} == {"serve", "work"}
        assert "1 unchanged" in workspace.run(*run, **given).out


def test_contradicting_numbers_of_a_process_group_are_refused(workspace: Workspace) -> None:
    workspace.workload("web", "service: {ports: {http: {port: 80}}}\n")
    workspace.write(".scorefly/overlay.web.toml", OVERLAY)
    workspace.write("scorefly.yaml", "workloads: {web: {count: {worker: 3}, regions: {ams: 2}}}\n")
    result = workspace.run("validate")
    assert result.code == 2
    assert "scorefly.yaml:1:19: count of process group 'worker' is 3, and regions (scorefly.yaml:1:39) come to 2" in (
        result.err
    )
