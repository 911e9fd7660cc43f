"""An app that state gives to one workload or resource is not given to another one, and not destroyed with it."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from scorefly.state.file import FileStore
from workspaces import Workspace

DATABASE = "resources: {db: {type: postgres}}\n"


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    workspace.workload("web", DATABASE)
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 0, result.err
    assert sorted(workspace.world["apps"]) == ["web", "web-db"]
    return workspace


@pytest.mark.parametrize("command", ["deploy", "plan", "generate", "cleanup", "remove-unused-secrets"])
def test_workload_does_not_get_the_app_of_a_resource(shop: Workspace, command: str) -> None:
    shop.workload("web")
    shop.workload("web-db")
    before = shop.world["apps"]
    result = shop.run(command, "--rehearse")
    assert result.code == 2
    assert "the app 'web-db' of web-db belongs to postgres.default#web.db in the state" in result.err
    assert "remove the other one first: scorefly resources deprovision 'postgres.default#web.db'" in result.err
    assert shop.world["apps"] == before


def test_workload_gets_the_name_once_the_resource_is_deprovisioned(shop: Workspace) -> None:
    shop.workload("web")
    shop.workload("web-db")
    removed = shop.run("resources", "deprovision", "postgres.default#web.db", "--rehearse", "--yes")
    assert removed.code == 0, removed.err
    result = shop.run("deploy", "--rehearse")
    assert result.code == 0, result.err


def test_partial_run_does_not_take_the_app_of_what_it_did_not_read(shop: Workspace) -> None:
    shop.workload("web-db", file="other/score.yaml")
    result = shop.run("deploy", "other/score.yaml", "--rehearse")
    assert result.code == 2
    assert "belongs to postgres.default#web.db in the state (rename the workload" in result.err
    cleaned = shop.run("cleanup", "other/score.yaml", "--rehearse")
    assert cleaned.code == 2
    assert shop.world["apps"]["web-db"]["secrets"]


def test_resource_of_another_type_does_not_get_the_app_in_a_partial_run(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {db: {type: postgres, id: main}}\n")
    workspace.workload("other", "resources: {cache: {type: redis, id: main}}\n")
    assert workspace.run("deploy", "web.score.yaml", "--rehearse").code == 0
    before = workspace.world["apps"]["main"]
    result = workspace.run("deploy", "other.score.yaml", "--rehearse")
    assert result.code == 2
    assert "the app 'main' of redis.default#main belongs to postgres.default#main in the state" in result.err
    assert workspace.world["apps"]["main"] == before


def test_resource_does_not_get_the_app_of_a_workload(workspace: Workspace) -> None:
    workspace.workload("web-db")
    assert workspace.run("deploy", "--rehearse").code == 0
    workspace.workload("web", DATABASE, file="web/score.yaml")
    result = workspace.run("deploy", "web/score.yaml", "--rehearse")
    assert result.code == 2
    assert "the app 'web-db' of postgres.default#web.db belongs to web-db in the state" in result.err


def test_renamed_workload_keeps_its_app(workspace: Workspace) -> None:
    workspace.workload("web")
    assert workspace.run("deploy", "--rehearse", "--app-prefix", "acme-").code == 0
    workspace.workload("acme-web", file="web.score.yaml")
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 0, result.err


def test_app_in_another_organization_is_reported(workspace: Workspace) -> None:
    workspace.workload("web")
    assert workspace.run("deploy", "--rehearse", "--org", "acme").code == 0
    before = workspace.world["apps"]
    for command in ("deploy", "plan"):
        result = workspace.run(command, "--rehearse", "--org", "other")
        assert result.code == 1
        assert "the app 'web' is in organization acme, not in other (set org: acme" in result.err
    assert workspace.world["apps"] == before


def test_personal_organization_may_have_another_slug(workspace: Workspace) -> None:
    """Fly lists the apps of a personal organization below `personal`, and names it differently."""
    workspace.workload("web")
    assert workspace.run("deploy", "--rehearse").code == 0
    world = workspace.world
    world["apps"]["web"]["machines"] = {}
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))
    assert workspace.run("deploy", "--rehearse").code == 0


def test_deprovisioning_spares_an_app_that_is_a_workloads_now(shop: Workspace) -> None:
    """Earlier versions gave the app of a resource that was left over to a workload of the same name."""
    path = shop.path / ".scorefly/rehearsal/local.state"
    store = FileStore(path, "rehearsal of local")
    state = store.load()
    assert state is not None
    store.save(state.with_app(replace(state.apps["web-db"], owner="web-db", workload="web-db")))
    shop.workload("web")
    shop.workload("web-db")
    result = shop.run("resources", "deprovision", "postgres.default#web.db", "--rehearse", "--yes")
    assert result.code == 0, result.err
    assert sorted(shop.world["apps"]) == ["web", "web-db"]
