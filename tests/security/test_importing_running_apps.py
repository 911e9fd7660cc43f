"""`state import` takes apps over that run, so that the next deploy updates them; others' apps stay."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from workspaces import Workspace

STATE = {
    "workloads": {"web": {"spec": {"apiVersion": "score.dev/v1b1", "metadata": {"name": "web"}}}},
    "resources": {},
    "app_prefix": "acme-",
}
PREFIX = ("--app-prefix", "acme-")


@pytest.fixture
def running(workspace: Workspace) -> Workspace:
    """An app that score-flyio deployed: its Machine carries nothing of ours, and there is no state."""
    workspace.workload("web")
    assert workspace.run("deploy", "--rehearse", *PREFIX).code == 0
    change_metadata(workspace, {"fly_platform_version": "v2"})
    for path in workspace.path.glob(".scorefly/rehearsal/local.state*"):
        path.unlink()
    workspace.write(".score-flyio/state.yaml", yaml.safe_dump(STATE))
    return workspace


def change_metadata(workspace: Workspace, metadata: dict[str, str]) -> None:
    world = workspace.world
    for machine in world["apps"]["acme-web"]["machines"].values():
        machine["config"]["metadata"] = metadata
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))


def app(workspace: Workspace) -> dict[str, Any]:
    found: dict[str, Any] = workspace.world["apps"]["acme-web"]
    return found


def test_imported_app_is_deployed_to(running: Workspace) -> None:
    before = app(running)["id"]
    assert running.run("deploy", "--rehearse", *PREFIX).code == 1
    result = running.run("state", "import", "--rehearse")
    assert result.code == 0, result.err
    assert "taken over on Fly: acme-web" in result.out
    marks = [machine["config"]["metadata"]["scorefly_owner"] for machine in app(running)["machines"].values()]
    assert set(marks) == {"- local web"}
    running.workload("web", image="nginx:1.28")
    deployed = running.run("deploy", "--rehearse", *PREFIX)
    assert (deployed.code, "1 deployed" in deployed.out) == (0, True), deployed.err
    assert app(running)["id"] == before


def test_app_of_another_environment_is_not_taken_over(running: Workspace) -> None:
    change_metadata(running, {"scorefly_owner": "acme/shop production web"})
    before = app(running)
    result = running.run("state", "import", "--rehearse")
    assert "the app 'acme-web' belongs to environment 'production' of acme/shop, so it is not taken over" in result.err
    assert app(running) == before


def test_app_in_another_organization_is_not_taken_over(running: Workspace) -> None:
    before = app(running)
    result = running.run("state", "import", "--rehearse", "--org", "other")
    assert "warning: the app 'acme-web' is in organization personal, not in other" in result.err
    assert app(running) == before
    again = running.run("state", "import", "--rehearse")
    assert (again.code, "taken over on Fly: acme-web" in again.out) == (0, True)


def test_import_without_a_token_says_that_apps_were_not_looked_up(running: Workspace) -> None:
    result = running.run("state", "import")
    assert result.code == 0
    assert "warning: the apps were not looked up on Fly: there is no token (set fly-api-token" in result.err
