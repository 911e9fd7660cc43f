"""Runs that are killed while they change the number of Machines: the next one ends at what is stated."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from killing import Deadly, environment, killed
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

DISK = '    volumes: {/data: {source: "${resources.data}"}}\nresources: {data: {type: volume}}\n'
APP = "/v1/apps/web"


def regions_of(entries: Any) -> dict[str, int]:
    return dict(Counter(each["region"] for each in entries.values()))


@pytest.mark.parametrize(
    "deadly",
    [
        *(Deadly("POST", f"{APP}/volumes", times) for times in (1, 2)),
        *(Deadly("POST", f"{APP}/machines", times) for times in (1, 2)),
        Deadly("GET", f"{APP}/machines/*/wait"),
        *(Deadly("DELETE", f"{APP}/machines/*", times) for times in (1, 2)),
        *(Deadly("DELETE", f"{APP}/volumes/*", times) for times in (1, 2, 3, 4)),
        Deadly("POST", f"{APP}/machines/*/metadata/*", 2),
    ],
    ids=lambda deadly: f"{deadly.deadly[0]}-{deadly.deadly[1].rpartition('web/')[2]}-{deadly.times}",
)
def test_next_deploy_ends_at_the_stated_machines_and_volumes(
    workspace: Workspace, tmp_path: Path, deadly: Deadly
) -> None:
    workspace.workload("web", DISK)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        workspace.write("scorefly.yaml", "workloads: {web: {regions: {ams: 3}}}\n")
        assert workspace.run("deploy", **given).code == 0
        workspace.write("scorefly.yaml", "workloads: {web: {regions: {ams: 1, iad: 2}}}\n")
        killed(workspace, fly, given, "deploy", deadly)
        app = fly.world.data["apps"]["web"]
        assert len(app["machines"]) >= 3
        again = workspace.run("deploy", **given)
        assert again.code == 0, again.err
        assert regions_of(app["machines"]) == {"ams": 1, "iad": 2}
        assert {each["state"] for each in app["machines"].values()} == {"started"}
        assert regions_of(app["volumes"]) == {"ams": 1, "iad": 2}
        assert {each["attached_machine_id"] for each in app["volumes"].values()} == set(app["machines"])
        assert "1 unchanged" in workspace.run("deploy", **given).out
