"""`cleanup: previews` through the Action: which previews go, which stay, and what is left alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flyctl_programs import environment
from github_events import pull_request, variables
from github_server import Fault, GitHub
from scorefly.rehearsal.server import Rehearsal
from workspaces import ActionResult, Workspace


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        yield server


@pytest.fixture
def previews(workspace: Workspace, github: GitHub) -> Workspace:
    """Production, and previews of pull requests 1, 2 and 3."""
    workspace.workload("web")
    folder = workspace.path.parent
    workspace.action({"rehearse": "true"}, **variables(github, "push", {}, folder))
    for number in (1, 2, 3):
        github.open_pull(number)
        given = variables(github, "pull_request", pull_request(github, number, "opened"), folder)
        assert workspace.action({"command": "preview", "rehearse": "true"}, **given).code == 0
    return workspace


def clean(workspace: Workspace, github: GitHub, **inputs: str) -> ActionResult:
    given = {"command": "cleanup", "rehearse": "true", "cleanup": "previews"}
    given |= {key.replace("_", "-"): value for key, value in inputs.items()}
    return workspace.action(given, **variables(github, "schedule", {}, workspace.path.parent))


def change(workspace: Workspace, how: Callable[[dict[str, Any]], None]) -> None:
    world = workspace.world
    how(world["apps"])
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))


def aged(app: str, days: float) -> Callable[[dict[str, Any]], None]:
    then = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def change(apps: dict[str, Any]) -> None:
        for machine in apps[app]["machines"].values():
            machine["updated_at"] = then

    return change


def apps(workspace: Workspace) -> set[str]:
    return set(workspace.world["apps"])


def test_the_preview_of_a_closed_pull_request_goes_and_others_stay(previews: Workspace, github: GitHub) -> None:
    github.pulls[2]["state"] = "closed"
    result = clean(previews, github)
    assert result.code == 0, result.out
    assert apps(previews) == {"web", "web-pr-1", "web-pr-3"}
    assert result.outputs["destroyed"] == '["web-pr-2"]'
    assert "pull request 2 is not open" in result.summary
    assert [github.states(f"pr-{number}") for number in (1, 2, 3)] == [["success"], ["inactive"], ["success"]]


def test_an_open_pull_request_that_slips_between_two_pages_of_the_list_keeps_its_preview(
    previews: Workspace, github: GitHub
) -> None:
    github.page = 1
    lists = 0

    def close_the_first_after_its_page(_: int) -> None:
        nonlocal lists
        lists += github.requests[-1][1].endswith("/pulls")
        if lists == 2:
            github.pulls[1]["state"] = "closed"

    github.on_request = close_the_first_after_its_page
    result = clean(previews, github)
    assert lists == 2, "pull request 2 was on a page that was read"
    assert result.outputs["destroyed"] == "[]"
    assert apps(previews) == {"web", "web-pr-1", "web-pr-2", "web-pr-3"}
    assert [github.states(f"pr-{number}") for number in (1, 2, 3)] == [["success"]] * 3


def test_a_pull_request_that_is_reopened_during_the_cleanup_keeps_its_preview(
    previews: Workspace, github: GitHub
) -> None:
    github.pulls[2]["state"] = "closed"

    def reopen(_: int) -> None:
        if github.requests[-1][1].endswith("/pulls/2"):
            github.pulls[2]["state"] = "open"

    github.on_request = reopen
    assert clean(previews, github).outputs["destroyed"] == "[]"
    assert "web-pr-2" in apps(previews)


def test_regions_missing_from_the_listing_make_no_preview_idle(
    workspace: Workspace, github: GitHub, tmp_path: Path
) -> None:
    """Its newest Machine is in the region that is missing."""
    workspace.workload("web", "service: {ports: {http: {port: 80}}}\n")
    github.open_pull(3)
    with Rehearsal(None) as fly:
        given = {**environment(tmp_path, fly), "GITHUB_REPOSITORY": github.repository}
        options = ("--environment", "pr-3", "--app-suffix", "-pr-3", "--region", "ams")
        assert workspace.run("deploy", *options, **given).code == 0
        aged("web-pr-3", 15)(fly.world.data["apps"])
        new = next(iter(fly.world.data["apps"]["web-pr-3"]["machines"].values()))
        new.update(region="cdg", updated_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        fly.listing.missing = ("cdg",)
        inputs = {"command": "cleanup", "cleanup": "previews", "preview-ttl": "14d", "state": "file"}
        result = workspace.action(inputs, **variables(github, "schedule", {}, tmp_path), **environment(tmp_path, fly))
        assert (result.code, result.outputs["destroyed"]) == (0, "[]"), result.out
        assert list(fly.world.data["apps"]) == ["web-pr-3"]


def test_an_idle_preview_goes_only_when_a_time_is_given(previews: Workspace, github: GitHub) -> None:
    change(previews, aged("web-pr-3", 15))
    assert clean(previews, github).outputs["changed"] == "false"
    assert clean(previews, github, preview_ttl="14d").outputs["destroyed"] == '["web-pr-3"]'


def test_comment_of_an_idle_preview_says_that_it_is_destroyed_and_has_no_links(
    previews: Workspace, github: GitHub
) -> None:
    change(previews, aged("web-pr-3", 15))
    github.pulls[2]["state"] = "closed"
    assert all("was rehearsed, not deployed" in github.bodies(number)[0] for number in (1, 2, 3))
    clean(previews, github, preview_ttl="14d")
    ready, closed, idle = (github.bodies(number)[0] for number in (1, 2, 3))
    assert "was rehearsed, not deployed" in ready
    for body in (closed, idle):
        assert "is destroyed" in body
        assert "fly.dev" not in body
    assert "nothing has happened in it for 15 days" in idle
    assert [len(github.bodies(number)) for number in (1, 2, 3)] == [1, 1, 1]


def test_comment_that_cannot_be_updated_is_a_warning(previews: Workspace, github: GitHub) -> None:
    github.pulls[2]["state"] = "closed"
    github.faults.append(Fault("GET", ".*/issues/2/comments", 422))
    result = clean(previews, github)
    assert result.code == 0
    assert "the comments on previews that are gone cannot be written" in result.out


def test_a_dry_run_tells_the_same_and_changes_nothing(previews: Workspace, github: GitHub) -> None:
    github.pulls[2]["state"] = "closed"
    before, asked = previews.world, len(github.requests)
    result = clean(previews, github, dry_run="true")
    assert result.outputs["destroyed"] == '["web-pr-2"]'
    assert previews.world == before
    assert {method for method, _ in github.requests[asked:]} == {"GET"}


def test_a_preview_without_state_is_found_by_its_mark_and_one_without_machines_by_its_state(
    previews: Workspace, github: GitHub
) -> None:
    for path in (previews.path / ".scorefly/rehearsal").glob("pr-1*"):
        path.unlink()
    change(previews, lambda apps: apps["web-pr-2"]["machines"].clear())
    for number in (1, 2):
        github.pulls[number]["state"] = "closed"
    assert clean(previews, github).code == 0
    assert apps(previews) == {"web", "web-pr-3"}


def test_another_repositorys_previews_are_left_alone(previews: Workspace, github: GitHub) -> None:
    def others(apps: dict[str, Any]) -> None:
        for machine in apps["web-pr-2"]["machines"].values():
            machine["config"]["metadata"]["scorefly_owner"] = "umbrella/shop pr-2 web"

    change(previews, others)
    (previews.path / ".scorefly/rehearsal/pr-2.state").unlink()
    github.pulls[2]["state"] = "closed"
    assert clean(previews, github).outputs["destroyed"] == "[]"
    assert "web-pr-2" in apps(previews)


def test_one_that_fails_is_told_and_keeps_none_from_going(previews: Workspace, github: GitHub) -> None:
    for number in (1, 2):
        github.pulls[number]["state"] = "closed"
    (previews.path / ".scorefly/rehearsal/pr-1.state").write_bytes(b"damaged")
    result = clean(previews, github)
    assert result.code == 1
    assert apps(previews) == {"web", "web-pr-1", "web-pr-3"}


def test_what_github_still_shows_of_an_earlier_run_goes_too(previews: Workspace, github: GitHub) -> None:
    github.pulls[2]["state"] = "closed"
    github.faults.append(Fault("POST", ".*/statuses", 422))
    assert "GitHub still shows previews that are gone" in clean(previews, github).out
    assert github.states("pr-2") == ["success"]
    assert clean(previews, github).outputs["destroyed"] == "[]"
    assert github.states("pr-2") == ["inactive"]


def test_previews_are_cleaned_where_the_project_file_says_they_run(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web")
    workspace.write("scorefly.yaml", "environments:\n  pr-*: {org: previews}\n")
    github.open_pull(1)
    given = variables(github, "pull_request", pull_request(github, 1, "opened"), workspace.path.parent)
    workspace.action({"command": "preview", "rehearse": "true"}, **given)
    assert workspace.world["apps"]["web-pr-1"]["organization"]["slug"] == "previews"
    (workspace.path / ".scorefly/rehearsal/pr-1.state").unlink()
    github.pulls[1]["state"] = "closed"
    result = clean(workspace, github)
    assert (result.outputs["environment"], result.outputs["destroyed"]) == ("production", '["web-pr-1"]')


def test_without_a_github_token_previews_are_not_looked_at(previews: Workspace, github: GitHub) -> None:
    given = variables(github, "schedule", {}, previews.path.parent) | {"INPUT_GITHUB-TOKEN": ""}
    result = previews.action({"command": "cleanup", "rehearse": "true"}, **given)
    assert result.code == 0
    assert "previews were not looked at" in result.out
    assert len(apps(previews)) == 4


def test_of_two_hundred_previews_of_three_apps_the_closed_ones_go_with_few_calls(
    workspace: Workspace, github: GitHub
) -> None:
    workspace.workload("web")
    folder = workspace.path.parent
    github.open_pull(1)
    given = variables(github, "pull_request", pull_request(github, 1, "opened"), folder)
    workspace.action({"command": "preview", "rehearse": "true"}, **given)

    def multiply(apps: dict[str, Any]) -> None:
        template = json.dumps(apps.pop("web-pr-1"))
        for number in range(1, 201):
            for name in ("web", "api", "worker"):
                text = template.replace('"name": "web-pr-1"', f'"name": "{name}-pr-{number}"')
                apps[f"{name}-pr-{number}"] = json.loads(
                    re.sub(r"acme/shop pr-1 web", f"acme/shop pr-{number} {name}", text)
                )

    change(workspace, multiply)
    (workspace.path / ".scorefly/rehearsal/pr-1.state").unlink()
    for number in range(101, 201):
        github.open_pull(number)
    github.requests.clear()
    github.pulls[1]["state"] = "closed"
    result = clean(workspace, github)
    assert result.code == 0, result.out[-2000:]
    assert len(apps(workspace)) == 300
    # One question for each preview before it is destroyed, and fewer than one for each of the others.
    assert len(github.requests) < 100 + 100
