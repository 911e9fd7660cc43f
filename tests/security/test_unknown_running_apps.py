"""An environment whose running apps the state does not know is neither rewritten nor destroyed by mistake."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyctl_programs import write_stand_in
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

BODY = "resources: {cache: {type: redis}}\n"
PRODUCTION = ("--environment", "production")


@pytest.fixture
def fly() -> Iterator[Rehearsal]:
    with Rehearsal(None) as fly:
        yield fly


@pytest.fixture
def shop(workspace: Workspace, tmp_path: Path, fly: Rehearsal) -> Workspace:
    """A workload with a Redis, deployed to production by somebody with another state."""
    program = tmp_path / "bin" / "flyctl"
    program.parent.mkdir()
    write_stand_in(program)
    bases = dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), fly.url)
    path = f"{program.parent}:{os.environ['PATH']}"
    workspace.variables.update(bases, PATH=path, FLY_API_TOKEN="fo1_dummy", GITHUB_REPOSITORY="acme/shop")
    workspace.workload("web", BODY)
    result = workspace.run("deploy", *PRODUCTION, "--state", "file:elsewhere.state")
    assert result.code == 0, result.err
    return workspace


@pytest.mark.parametrize(
    "command",
    [
        ("deploy",),
        ("deploy", "--dry-run"),
        ("deploy", "--force"),
        ("plan",),
        ("cleanup", "--cleanup", "secrets"),
        ("remove-unused-secrets",),
        ("destroy", "--yes"),
        ("destroy", "--dry-run"),
    ],
)
def test_run_whose_state_does_not_know_the_running_apps_is_refused(
    shop: Workspace, fly: Rehearsal, command: tuple[str, ...]
) -> None:
    before, files = str(fly.world.data), shop.tree()
    result = shop.run(*command, *PRODUCTION)
    assert result.code == 2
    assert (
        "production already runs on Fly (apps web, web-cache), but the state in .scorefly/state/production.state "
        "does not know it" in result.err
    )
    assert "state: git" in result.err
    assert "--new-state" in result.err
    assert str(fly.world.data) == before
    assert shop.tree() == files


@pytest.mark.parametrize("command", [("deploy",), ("plan",), ("destroy", "--yes"), ("cleanup", "--cleanup", "secrets")])
def test_regions_missing_from_the_listing_hide_no_running_app(
    shop: Workspace, fly: Rehearsal, command: tuple[str, ...]
) -> None:
    miss_all_regions(fly)
    result = shop.run(*command, *PRODUCTION)
    assert result.code == 2
    assert "(apps web, web-cache)" in result.err


def test_preview_whose_regions_are_missing_from_the_listing_is_destroyed(shop: Workspace, fly: Rehearsal) -> None:
    options = ("--environment", "pr-7", "--app-suffix", "-pr-7")
    assert shop.run("deploy", *options, "--state", "file:preview.state").code == 0
    miss_all_regions(fly)
    result = shop.run("destroy", *options, "--yes")
    assert (result.code, result.out.splitlines()[-1]) == (0, "pr-7: 2 destroyed"), result.err
    assert sorted(fly.world.data["apps"]) == ["web", "web-cache"]


def miss_all_regions(fly: Rehearsal) -> None:
    apps = fly.world.data["apps"].values()
    fly.listing.missing = tuple({machine["region"] for app in apps for machine in app["machines"].values()})


def test_command_provisioner_is_not_called_for_an_unknown_environment(shop: Workspace) -> None:
    entry = "- {uri: 'cmd://sh#x', type: x, args: ['-c', 'echo {} | tee called'], plan: true}\n"
    shop.write(".scorefly/x.provisioners.yaml", entry)
    shop.workload("web", "resources: {cache: {type: redis}, x: {type: x}}\n")
    assert shop.run("deploy", *PRODUCTION).code == 2
    assert shop.run("plan", *PRODUCTION).code == 2
    assert not (shop.path / "called").exists()


def test_resource_app_alone_is_enough_to_refuse(shop: Workspace, fly: Rehearsal) -> None:
    del fly.world.data["apps"]["web"]
    result = shop.run("deploy", *PRODUCTION)
    assert result.code == 2
    assert "(app web-cache)" in result.err


def test_older_copy_of_another_state_is_refused(shop: Workspace, fly: Rehearsal) -> None:
    """A state that once made apps of the same names is another state all the same."""
    again = shop.run("deploy", *PRODUCTION, "--new-state", "--state", "file:second.state")
    assert again.code == 0, again.err
    before = fly.received_secrets("web-cache")
    result = shop.run("deploy", *PRODUCTION, "--state", "file:elsewhere.state")
    assert result.code == 2
    assert "does not know it" in result.err
    assert fly.received_secrets("web-cache") == before
    assert shop.run("deploy", *PRODUCTION, "--state", "file:second.state").code == 0


def test_new_state_starts_anew_once(shop: Workspace) -> None:
    shop.workload("plain")
    first = shop.run("deploy", *PRODUCTION, "--state", "file:elsewhere.state")
    assert first.code == 0, first.err
    result = shop.run("deploy", *PRODUCTION, "--new-state")
    assert result.code == 0, result.err
    again = shop.run("deploy", *PRODUCTION)
    assert (again.code, again.out.splitlines()[-1]) == (0, "production: 3 unchanged")


def test_new_state_cannot_be_set_in_the_project_file(shop: Workspace) -> None:
    shop.write("scorefly.yaml", "new-state: true\n")
    assert shop.run("deploy", *PRODUCTION).code == 2


def test_destroy_with_new_state_goes_by_the_mark(shop: Workspace, fly: Rehearsal) -> None:
    assert shop.run("destroy", *PRODUCTION, "--yes", "--new-state").code == 0
    assert fly.world.data["apps"] == {}


def test_preview_is_destroyed_though_its_state_is_lost(shop: Workspace, fly: Rehearsal) -> None:
    options = ("--environment", "pr-7", "--app-suffix", "-pr-7")
    assert shop.run("deploy", *options, "--state", "file:preview.state").code == 0
    assert shop.run("destroy", *options, "--yes").code == 0
    assert sorted(fly.world.data["apps"]) == ["web", "web-cache"]


def test_other_environment_and_other_workloads_are_not_refused(shop: Workspace) -> None:
    assert shop.run("deploy", "--environment", "staging", "--app-suffix", "-staging").code == 0
    shop.workload("other", file="other/score.yaml")
    assert shop.run("deploy", "other/score.yaml", *PRODUCTION).code == 0


def test_destroy_leaves_running_apps_that_state_does_not_know(shop: Workspace, fly: Rehearsal) -> None:
    shop.workload("other", file="other/score.yaml")
    assert shop.run("deploy", "other/score.yaml", *PRODUCTION).code == 0
    result = shop.run("destroy", *PRODUCTION, "--yes")
    assert result.code == 0
    assert "the app 'web' belongs to production, but state does not know it, so it is left alone" in result.err
    assert sorted(fly.world.data["apps"]) == ["web", "web-cache"]


def test_interrupted_first_deploy_converges(workspace: Workspace, shop: Workspace, fly: Rehearsal) -> None:
    shop.workload(
        "late", "resources: {cache: {type: redis}}\n", image="rehearsal.invalid/crashing:1", file="late/score.yaml"
    )
    options = ("deploy", "late/score.yaml", "--environment", "staging")
    assert shop.run(*options).code == 1
    shop.workload("late", "resources: {cache: {type: redis}}\n", file="late/score.yaml")
    assert shop.run(*options).code == 0


def test_rehearsal_is_not_refused(shop: Workspace) -> None:
    assert shop.run("deploy", "--rehearse", *PRODUCTION).code == 0
    assert shop.run("plan", "--rehearse", *PRODUCTION).code == 0
