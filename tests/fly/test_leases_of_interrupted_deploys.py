"""A deploy that was killed leaves leases on its Machines, which keep the next one waiting."""

from __future__ import annotations

import os
import time
from pathlib import Path

import requests

from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace


def test_who_holds_the_lease_is_told_before_flyctl_waits_for_it(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web")
    flyctl = tmp_path / "bin" / "flyctl"
    flyctl.parent.mkdir()
    flyctl.write_text("#!/bin/sh\n")
    flyctl.chmod(0o755)
    with Rehearsal(None) as fly:
        headers = {"Authorization": "Bearer x"}
        given = {
            "PATH": f"{flyctl.parent}:{os.environ['PATH']}",
            "FLY_API_TOKEN": "fo1_token",
            "FLY_FLAPS_BASE_URL": fly.url,
        }
        assert workspace.run("deploy", **given).code == 0
        machines = f"{fly.url}/v1/apps/web/machines"
        config = {"image": "nginx:1.27", "metadata": {"fly_process_group": "app"}}
        machine = requests.post(machines, json={"config": config}, headers=headers, timeout=10).json()["id"]
        lease = requests.post(f"{machines}/{machine}/lease?ttl=300", headers=headers, timeout=10).json()["data"]
        workspace.workload("web", image="nginx:1.28")
        result = workspace.run("deploy", **given)
        until = time.strftime("%H:%M:%S UTC", time.gmtime(lease["expires_at"]))
        assert f"lease of Machine {machine}, held by {lease['owner']} until {until}" in result.err
        requests.delete(
            f"{machines}/{machine}/lease", headers={**headers, "fly-machine-lease-nonce": lease["nonce"]}, timeout=10
        )
        workspace.workload("web", image="nginx:1.29")
        assert "holds the lease" not in workspace.run("deploy", **given).err
