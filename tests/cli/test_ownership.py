"""Whose an app is: what scorefly did not make for this environment is left as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from git_servers import git
from workspaces import Workspace


def put(workspace: Workspace, world: dict[str, Any]) -> None:
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))


def theirs(workspace: Workspace, like: str) -> dict[str, Any]:
    """An app called web that somebody made by hand: another one, with a secret and without Machines."""
    made = {
        "id": "theirs",
        "name": "web",
        "machines": {},
        "secrets": {"A": {"name": "A", "digest": "0123456789abcdef"}},
    }
    return {**workspace.world["apps"][like], **made}


def marks(workspace: Workspace, app: str = "web") -> set[str]:
    machines = workspace.world["apps"][app]["machines"].values()
    return {machine["config"]["metadata"]["scorefly_owner"] for machine in machines}


@pytest.fixture
def taken(workspace: Workspace) -> Workspace:
    """Somebody made an app called web by hand, in our own organization."""
    workspace.workload("other")
    workspace.run("deploy", "--rehearse")
    world = workspace.world
    put(workspace, {**world, "apps": {**world["apps"], "web": theirs(workspace, "other")}})
    workspace.workload("web")
    return workspace


@pytest.mark.parametrize("command", ["deploy", "remove-unused-secrets"])
def test_an_app_made_by_hand_is_left_alone(taken: Workspace, command: str) -> None:
    before = taken.world["apps"]["web"]
    result = taken.run(command, "--rehearse", "--unused-secrets", "all")
    assert result.code == 1
    assert "the app 'web' was not made by scorefly for this environment, so it is left alone" in result.err
    assert taken.world["apps"]["web"] == before


def test_app_of_somebody_else_gets_no_url(taken: Workspace) -> None:
    taken.workload("web", "service: {ports: {http: {port: 80}}}\n")
    result = taken.action({"rehearse": "true", "environment": "local"})
    assert result.code == 1
    assert json.loads(result.outputs["failed"]) == ["web"]
    assert (result.outputs["url"], result.outputs["urls"]) == ("", "{}")
    assert "web.fly.dev" not in result.outputs["apps"] + result.summary


def test_failed_update_keeps_the_url_of_what_runs(workspace: Workspace) -> None:
    ports = "service: {ports: {http: {port: 80}}}\n"
    workspace.workload("web", ports)
    workspace.run("deploy", "--rehearse")
    workspace.workload("web", ports, image="rehearsal.invalid/crashing:1")
    result = workspace.action({"rehearse": "true", "environment": "local"})
    assert (result.code, result.outputs["url"]) == (1, "https://web.fly.dev")


def test_machines_say_who_made_them(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {cache: {type: redis}}\n")
    workspace.run("deploy", "--rehearse", GITHUB_REPOSITORY="Acme/Shop")
    assert marks(workspace) == {"acme/shop local web"}
    assert marks(workspace, "web-cache") == {"acme/shop local redis.default#web.cache"}


def test_on_the_command_line_the_repository_is_where_origin_leads(workspace: Workspace) -> None:
    workspace.workload("web")
    git(workspace.path, "init", "--quiet")
    git(workspace.path, "remote", "add", "upstream", "https://github.com/else/where.git")
    git(workspace.path, "remote", "add", "origin", "git@github.com:acme/shop.git")
    workspace.run("deploy", "--rehearse")
    assert marks(workspace) == {"acme/shop local web"}


def test_another_environment_does_not_take_an_app_over(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.run("deploy", "--rehearse", "--environment", "production", GITHUB_REPOSITORY="acme/shop")
    before = workspace.world
    result = workspace.run("deploy", "--rehearse", "--environment", "staging", GITHUB_REPOSITORY="acme/shop")
    assert result.code == 1
    assert "the app 'web' belongs to environment 'production' of acme/shop" in result.err
    assert workspace.world == before


def test_when_the_state_is_lost_only_new_state_goes_on(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {cache: {type: redis}}\n")
    workspace.run("deploy", "--rehearse")
    for path in workspace.path.glob(".scorefly/rehearsal/local.state*"):
        path.unlink()
    before = workspace.world
    refused = workspace.run("deploy", "--rehearse")
    assert refused.code == 2
    assert "local already runs on Fly (apps web, web-cache), but the state in .scorefly/rehearsal" in refused.err
    assert workspace.world == before
    assert workspace.run("deploy", "--rehearse", "--new-state").code == 0
    again = workspace.run("deploy", "--rehearse")
    assert (again.code, again.out.endswith(": 2 unchanged\n")) == (0, True), again.out


def test_when_the_repository_is_renamed_the_state_still_knows_its_apps(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.run("deploy", "--rehearse", GITHUB_REPOSITORY="acme/old")
    workspace.workload("web", image="nginx:1.28")
    assert workspace.run("deploy", "--rehearse", GITHUB_REPOSITORY="acme/new").code == 0
    assert marks(workspace) == {"acme/new local web"}


def test_an_app_somebody_made_anew_under_our_name_is_theirs(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.run("deploy", "--rehearse")
    put(workspace, {**workspace.world, "apps": {"web": theirs(workspace, "web")}})
    before = workspace.world
    assert workspace.run("deploy", "--rehearse", "--force").code == 1
    assert workspace.world == before


def test_an_app_that_is_gone_is_made_again(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {cache: {type: redis}}\n")
    workspace.run("deploy", "--rehearse")
    put(workspace, {**workspace.world, "apps": {}})
    assert workspace.run("deploy", "--rehearse").code == 0
    assert "REDIS_PASSWORD" in workspace.world["apps"]["web-cache"]["secrets"]


def test_an_app_whose_first_deploy_failed_is_ours(workspace: Workspace) -> None:
    workspace.workload("web", image="rehearsal.invalid/crashing:1")
    assert workspace.run("deploy", "--rehearse").code == 1
    identity = workspace.world["apps"]["web"]["id"]
    workspace.workload("web")
    assert workspace.run("deploy", "--rehearse").code == 0
    app = workspace.world["apps"]["web"]
    assert (app["id"], {each["config"]["image"] for each in app["machines"].values()}) == (identity, {"nginx:1.27"})


def test_project_without_a_remote_leaves_the_apps_of_another_one(workspace: Workspace) -> None:
    workspace.workload("web", "resources: {db: {type: redis}}\n")
    assert workspace.run("deploy", "--rehearse").code == 0
    before = workspace.world
    (workspace.path / ".scorefly/rehearsal/local.state").unlink()
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 2
    assert "local already runs on Fly (apps web, web-db)" in result.err
    assert "nothing to do" in workspace.run("destroy", "--rehearse", "--yes").out
    assert workspace.world["apps"] == before["apps"]
