"""Machines that two deploys of one app made at the same time: those of the earlier one are removed later."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from workspaces import Workspace

PORT = "service: {ports: {http: {port: 80}}}\n"
DISK = '    volumes: {/data: {source: "${resources.disk}"}}\nresources: {disk: {type: volume}}\n'


def change_machines(workspace: Workspace, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the Machines of the app web in the world of the rehearsal."""
    world = workspace.world
    change(world["apps"]["web"]["machines"])
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))


def copied(release: str, *, first: str = "1") -> Callable[[dict[str, Any]], None]:
    """Copy each Machine; the copies have a release, and the others have the first one."""

    def change(machines: dict[str, Any]) -> None:
        for name, machine in list(machines.items()):
            machine["config"]["metadata"] |= {"fly_release_id": first, "fly_release_version": first}
            copy = json.loads(json.dumps(machine)) | {"id": f"{name[:-2]}{release}f"}
            copy["config"]["metadata"] |= {"fly_release_id": release, "fly_release_version": release}
            machines[copy["id"]] = copy

    return change


def releases(workspace: Workspace) -> list[str]:
    machines = workspace.world["apps"]["web"]["machines"].values()
    return sorted(each["config"]["metadata"]["fly_release_version"] for each in machines)


def test_those_of_the_earlier_deploy_are_removed(workspace: Workspace) -> None:
    workspace.workload("web", PORT)
    assert workspace.run("deploy", "--rehearse").code == 0
    change_machines(workspace, copied("2"))
    planned = workspace.run("plan", "--rehearse")
    assert "2 Machines left over from another run" in planned.out
    assert workspace.run("deploy", "--rehearse").code == 0
    assert releases(workspace) == ["2", "2"]
    assert workspace.run("deploy", "--rehearse").out.endswith(": 1 unchanged\n")


@pytest.mark.parametrize(("body", "release"), [(PORT, "1"), (DISK, "2")], ids=["made by hand", "with volumes"])
def test_copies_made_by_hand_and_those_with_volumes_stay(workspace: Workspace, body: str, release: str) -> None:
    workspace.workload("web", body)
    assert workspace.run("deploy", "--rehearse").code == 0
    change_machines(workspace, copied(release))
    before = releases(workspace)
    assert workspace.run("deploy", "--rehearse").out.endswith(": 1 unchanged\n")
    assert releases(workspace) == before


def test_those_that_a_deploy_did_not_reach_stay(workspace: Workspace) -> None:
    """A deploy that fails half-way takes the digest from all Machines; scaled by hand, there are more than are needed."""
    workspace.workload("web", PORT)
    assert workspace.run("deploy", "--rehearse").code == 0

    def change(machines: dict[str, Any]) -> None:
        copied("2")(machines)
        for machine in list(machines.values())[:1]:
            del machine["config"]["metadata"]["scorefly_digest"]

    change_machines(workspace, change)
    assert workspace.run("deploy", "--rehearse").code == 0
    assert len(releases(workspace)) == 4
