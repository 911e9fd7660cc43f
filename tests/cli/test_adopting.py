"""`adopt`: apps that run on Fly become this environment's, and nothing else about them changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workspaces import Workspace


def put(workspace: Workspace, world: dict[str, Any]) -> None:
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))


def forget_owner(workspace: Workspace, *apps: str) -> None:
    """Machines as another tool would have made them, and a state that knows nothing."""
    world = workspace.world
    for name in apps:
        for machine in world["apps"][name]["machines"].values():
            metadata = machine["config"]["metadata"]
            machine["config"]["metadata"] = {key: metadata[key] for key in metadata if not key.startswith("scorefly")}
    put(workspace, world)
    for path in workspace.path.glob(".scorefly/rehearsal/local.state*"):
        path.unlink()


@pytest.fixture
def running(workspace: Workspace) -> Workspace:
    """Two apps that run and that scorefly did not make."""
    for name in ("web", "api"):
        workspace.workload(name, image="nginx:1.26")
    assert workspace.run("deploy", "--rehearse").code == 0
    forget_owner(workspace, "web", "api")
    return workspace


def machine_ids(workspace: Workspace, app: str) -> set[str]:
    return set(workspace.world["apps"][app]["machines"])


def test_a_foreign_app_is_refused_with_the_command_that_takes_it_over(running: Workspace) -> None:
    result = running.run("deploy", "--rehearse")
    assert result.code == 1
    assert "to take it over, run `scorefly adopt web --environment local`" in result.err


def test_an_adopted_app_is_updated_by_the_next_deploy(running: Workspace) -> None:
    before = machine_ids(running, "web")
    result = running.run("adopt", "web", "--rehearse")
    assert (result.code, result.out.splitlines()[0]) == (0, "web: taken over")
    assert machine_ids(running, "web") == before
    running.workload("web", image="nginx:1.27")
    refused = running.run("deploy", "--rehearse")
    assert "the app 'api' was not made by scorefly" in refused.err
    assert "the app 'web'" not in refused.err
    machines = running.world["apps"]["web"]["machines"].values()
    assert {machine["config"]["image"] for machine in machines} == {"nginx:1.27"}


def test_all_apps_of_the_score_files_are_adopted_at_once(running: Workspace) -> None:
    running.workload("new")
    result = running.run("adopt", "--all", "--rehearse")
    assert result.code == 0
    assert {"web: taken over", "api: taken over", "new: not on Fly"} <= set(result.out.splitlines())
    assert running.run("deploy", "--rehearse").code == 0


def test_the_plan_after_an_adoption_shows_what_would_change(running: Workspace) -> None:
    running.workload("web", "variables: {MODE: fast}\n", image="nginx:1.27")
    assert running.run("adopt", "web", "--rehearse").code == 0
    running.run("plan", "web.score.yaml", "--rehearse")
    plan = json.loads((running.path / ".scorefly/out/local/plan.json").read_text())
    [app] = plan["apps"]
    assert app["action"] == "change"
    assert "image: nginx:1.26 becomes nginx:1.27" in app["reasons"]
    assert "env: MODE is added" in app["reasons"]


def test_an_adoption_is_repeated_without_a_change(running: Workspace) -> None:
    running.run("adopt", "web", "--rehearse")
    before = running.world
    result = running.run("adopt", "web", "--rehearse")
    assert (result.code, result.out.splitlines()[0]) == (0, "web: belongs to local already")
    assert running.world == before


def test_a_dry_run_adopts_nothing(running: Workspace) -> None:
    before = running.world
    result = running.run("adopt", "web", "--rehearse", "--dry-run")
    assert (result.code, result.out.splitlines()[0]) == (0, "web: would be taken over")
    assert running.world == before
    assert running.run("deploy", "--rehearse").code == 1


def test_the_app_of_another_environment_is_refused(workspace: Workspace) -> None:
    for name in ("web", "api"):
        workspace.workload(name)
    repository = {"GITHUB_REPOSITORY": "acme/shop"}
    workspace.run("deploy", "--rehearse", "--environment", "production", **repository)
    before = workspace.world
    result = workspace.run("adopt", "--all", "--rehearse", "--environment", "staging", **repository)
    assert result.code == 1
    for name in ("web", "api"):
        assert (
            f"the app '{name}' belongs to environment 'production' of acme/shop, so it is not taken over" in result.err
        )
    assert workspace.world == before


def test_unknown_names_are_refused_before_anything_changes(running: Workspace) -> None:
    before = running.world
    result = running.run("adopt", "web", "wep", "apj", "--rehearse")
    assert result.code == 2
    assert "no Score file describes the app 'wep' in local (did you mean 'web'?)" in result.err
    assert "no Score file describes the app 'apj' in local (did you mean 'api'?)" in result.err
    assert running.world == before


def test_names_and_all_exclude_each_other(running: Workspace) -> None:
    assert "name the apps to take over, or pass --all" in running.run("adopt", "--rehearse").err
    assert running.run("adopt", "web", "--all", "--rehearse").code == 2
