"""One Postgres for all previews, with a database for each, which is dropped with the preview."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from github_events import pull_request, variables
from github_server import GitHub
from killing import Deadly, environment, killed
from scorefly.rehearsal.server import Rehearsal
from scorefly.state.file import FileStore
from workspaces import Workspace

SERVER = "previews-postgres"
URL = "postgres://${resources.db.username}:${resources.db.password}@${resources.db.host}:${resources.db.port}/${resources.db.name}"
BODY = f"""\
    variables: {{URL: "{URL}", HOST: "${{resources.db.host}}"}}
service: {{ports: {{http: {{port: 80}}}}}}
resources: {{db: {{type: postgres}}}}
"""


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    workspace.workload("web", BODY)
    workspace.write("scorefly.yaml", "previews: {share: [postgres]}\n")
    return workspace


def run(workspace: Workspace, command: str, number: int, *arguments: str, code: int = 0) -> str:
    name = f"pr-{number}"
    fixed = ("--rehearse", "--environment", name, "--app-suffix", f"-{name}")
    result = workspace.run(*command.split(), *fixed, *arguments)
    assert result.code == code, result.err
    return result.out + result.err


def server(workspace: Workspace) -> dict[str, Any]:
    found: dict[str, Any] = workspace.world["apps"][SERVER]
    return found


def owners(workspace: Workspace) -> list[str]:
    return sorted(name[:4] for name in server(workspace).get("databases", {}))


def test_each_preview_has_a_database_on_one_server_and_its_network_reaches_it(shop: Workspace) -> None:
    out = run(shop, "deploy", 7)
    assert f"databases are on {SERVER}, which all previews share: it is reached at {SERVER}.flycast" in out
    run(shop, "deploy", 8)
    apps = shop.world["apps"]
    assert sorted(apps) == [SERVER, "web-pr-7", "web-pr-8"]
    assert owners(shop) == ["pr_7", "pr_8"]
    assert len(apps[SERVER]["machines"]) == 1
    assert shop.toml("web-pr-7", "pr-7")["env"]["HOST"] == f"{SERVER}.flycast"
    reached = {address["network"] for address in apps[SERVER]["addresses"]}
    assert reached == {"default", apps["web-pr-7"]["network"], apps["web-pr-8"]["network"]}
    assert all(address["ip"].startswith("fdaa") for address in apps[SERVER]["addresses"])
    assert shop.toml(SERVER, "previews")["services"] == [
        {"protocol": "tcp", "internal_port": 5432, "auto_stop_machines": "off", "ports": [{"port": 5432}]}
    ]
    before = server(shop)["machines"]
    assert "1 unchanged" in run(shop, "deploy", 7)
    assert server(shop)["machines"].keys() == before.keys()


def test_a_destroyed_preview_takes_its_database_and_its_address_along(shop: Workspace) -> None:
    run(shop, "deploy", 7)
    run(shop, "deploy", 8)
    assert "dropping database" in run(shop, "destroy", 7, "--yes")
    assert owners(shop) == ["pr_8"]
    assert len(server(shop)["addresses"]) == 2
    run(shop, "destroy", 8, "--yes")
    assert (owners(shop), len(server(shop)["addresses"])) == ([], 1)
    assert "1 destroyed" in shop.run("destroy", "--rehearse", "--environment", "previews", "--yes").out
    assert shop.world["apps"] == {}


def test_a_database_that_cannot_be_dropped_is_kept_in_state_for_another_run(shop: Workspace) -> None:
    run(shop, "deploy", 7)
    world = shop.world
    for machine in world["apps"][SERVER]["machines"].values():
        machine["config"]["image"] = "nginx:1"
    (shop.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))
    out = run(shop, "destroy", 7, "--yes", code=1)
    assert "psql: not found" in out
    for machine in world["apps"][SERVER]["machines"].values():
        machine["config"]["image"] = "postgres:17.11-bookworm"
    (shop.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))
    run(shop, "destroy", 7, "--yes")
    assert owners(shop) == []


def test_a_server_that_is_gone_keeps_no_preview_from_being_destroyed_or_deployed(shop: Workspace) -> None:
    run(shop, "deploy", 7)
    shop.run("destroy", "--rehearse", "--environment", "previews", "--yes")
    run(shop, "deploy", 7)
    assert owners(shop) == ["pr_7"]
    shop.run("destroy", "--rehearse", "--environment", "previews", "--yes")
    run(shop, "destroy", 7, "--yes")
    assert shop.world["apps"] == {}


def test_a_preview_keeps_the_server_that_it_began_with(shop: Workspace) -> None:
    shop.write("scorefly.yaml", "ha: false\n")
    run(shop, "deploy", 7)
    shop.write("scorefly.yaml", "ha: false\npreviews: {share: [postgres]}\n")
    assert "2 unchanged" in run(shop, "deploy", 7)
    assert SERVER not in shop.world["apps"]
    run(shop, "deploy", 8)
    shop.write("scorefly.yaml", "ha: false\n")
    assert "1 unchanged" in run(shop, "deploy", 8)
    run(shop, "destroy", 8, "--yes")
    assert owners(shop) == []


def test_other_environments_have_servers_of_their_own(shop: Workspace) -> None:
    result = shop.run("deploy", "--rehearse", "--environment", "staging")
    assert result.code == 0, result.err
    assert sorted(shop.world["apps"]) == ["web", "web-db"]


def test_a_resource_that_no_score_file_has_any_more_is_dropped_by_cleanup(shop: Workspace) -> None:
    run(shop, "deploy", 7)
    shop.workload("web", "service: {ports: {http: {port: 80}}}\n")
    assert "dropping database" in run(shop, "cleanup", 7, "--cleanup", "resources")
    assert owners(shop) == []


def test_the_password_is_in_no_output_and_in_no_request_but_its_own(shop: Workspace) -> None:
    with Rehearsal(None) as fly:
        given = environment(shop.path.parent / "bin", fly)
        result = shop.run("deploy", "--environment", "pr-7", **given)
        assert result.code == 0, result.err
        url = fly.received_secrets("web")["URL"]
        password = url.split(":")[2].split("@")[0]
        assert len(password) == 32
        files = b"".join(content for name, content in shop.tree().items() if not name.endswith(".key"))
        assert password not in result.out + result.err
        assert password.encode() not in files


def test_a_dry_run_and_a_plan_make_no_server(shop: Workspace) -> None:
    run(shop, "plan", 7)
    run(shop, "deploy", 7, "--dry-run")
    assert not (shop.path / ".scorefly/rehearsal/world.json").exists()


@pytest.mark.parametrize(
    "deadly",
    [
        Deadly("POST", "/v1/apps"),
        Deadly("POST", f"/v1/apps/{SERVER}/ip_assignments"),
        Deadly("POST", f"/v1/apps/{SERVER}/ip_assignments", times=2),
        Deadly("POST", "/v1/apps", times=2),
    ],
    ids=lambda deadly: f"{deadly.deadly[1]}-{deadly.times}",
)
def test_a_killed_deploy_makes_nothing_twice(shop: Workspace, tmp_path: Path, deadly: Deadly) -> None:
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        killed(shop, fly, given, "deploy --environment pr-7", deadly)
        again = shop.run("deploy", "--environment", "pr-7", **given)
        assert again.code == 0, again.err
        found = fly.world.data["apps"][SERVER]
        assert len(found["databases"]) == 1
        assert len(found["addresses"]) == 2
        assert shop.run("destroy", "--environment", "pr-7", "--yes", **given).code == 0
        assert (found["databases"], len(found["addresses"])) == ({}, 1)


@pytest.mark.parametrize("step", ["exec", "address"])
def test_a_killed_destroy_is_finished_by_the_next_one(shop: Workspace, tmp_path: Path, step: str) -> None:
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        assert shop.run("deploy", "--environment", "pr-7", **given).code == 0
        found = fly.world.data["apps"][SERVER]
        machine, ip = next(iter(found["machines"])), found["addresses"][1]["ip"]
        path = f"/v1/apps/{SERVER}"
        deadly = {
            "exec": Deadly("POST", f"{path}/machines/{machine}/exec"),
            "address": Deadly("DELETE", f"{path}/ip_assignments/{ip}"),
        }
        killed(shop, fly, given, "destroy --environment pr-7 --yes", deadly[step])
        assert shop.run("destroy", "--environment", "pr-7", "--yes", **given).code == 0
        assert (found["databases"], len(found["addresses"])) == ({}, 1)
        assert list(fly.world.data["apps"]) == [SERVER]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("previews: 7\n", "1:1: previews is not a mapping"),
        ("previews: {shared: []}\n", "1:12: previews: unknown key 'shared' (did you mean 'share'?)"),
        ("previews: {share: postgres}\n", "1:12: previews.share is not a list of types"),
        ("previews: {share: [postgers]}\n", "1:12: previews.share: previews cannot share 'postgers' (did you mean"),
        ("environments: {production: {previews: {}}}\n", "unknown key 'previews'"),
    ],
)
def test_a_wrong_section_is_refused_with_its_place(shop: Workspace, text: str, message: str) -> None:
    shop.write("scorefly.yaml", text)
    result = shop.run("validate")
    assert result.code == 2
    assert message in result.err


def test_a_server_that_cannot_be_shared_is_said_to_stay_each_previews_own(shop: Workspace) -> None:
    shop.write("scorefly.yaml", "previews: {share: [postgres, redis]}\n")
    assert "each preview keeps a redis of its own" in run(shop, "deploy", 7)


def test_a_state_in_one_file_is_refused_and_one_in_a_folder_is_not(shop: Workspace) -> None:
    variables = {"SCOREFLY_STATE_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}
    with Rehearsal(None) as fly:
        given = {**environment(shop.path.parent / "bin", fly), **variables}
        result = shop.run("deploy", "--environment", "pr-7", "--state", "file:one.state", **given)
        assert result.code == 2
        assert "a server that all previews share needs a state of its own" in result.err
        assert fly.world.data["apps"] == {}
        (shop.path / "states").mkdir()
        result = shop.run("deploy", "--environment", "pr-7", "--state", "file:states", **given)
        assert result.code == 0, result.err


def test_a_class_puts_a_resource_on_the_server_in_any_environment(shop: Workspace) -> None:
    shop.workload("web", BODY.replace("type: postgres", "type: postgres, class: previews"))
    result = shop.run("deploy", "--rehearse", "--environment", "staging")
    assert result.code == 0, result.err
    assert [name[:8] for name in server(shop)["databases"]] == ["staging_"]
    assert len(server(shop)["addresses"]) == 1


def test_cleanup_of_several_stale_previews_drops_each_database(shop: Workspace) -> None:
    folder = shop.path.parent
    with GitHub() as github:
        for number in (1, 2, 3):
            github.open_pull(number)
            given = variables(github, "pull_request", pull_request(github, number, "opened"), folder)
            result = shop.action({"command": "preview", "rehearse": "true"}, **given)
            assert result.code == 0, result.out
        assert owners(shop) == ["pr_1", "pr_2", "pr_3"]
        github.pulls[1]["state"] = github.pulls[2]["state"] = "closed"
        cleanup = {"command": "cleanup", "rehearse": "true", "cleanup": "previews"}
        result = shop.action(cleanup, **variables(github, "schedule", {}, folder))
        assert result.code == 0, result.out
    assert owners(shop) == ["pr_3"]
    assert sorted(shop.world["apps"]) == [SERVER, "web-pr-3"]
    assert len(server(shop)["addresses"]) == 2


def run_older_release(workspace: Workspace) -> None:
    """Bring the server to an older release, as an earlier scorefly had it."""
    run(workspace, "deploy", 7)
    path = workspace.path / ".scorefly/rehearsal/previews.state"
    store = FileStore(path, "rehearsal of previews")
    state = store.load()
    assert state is not None
    store.save(replace(state, shared={**state.shared, "postgres_version": "17.6"}))
    run(workspace, "deploy", 8)
    assert versions(workspace) == {"postgres:17.6-bookworm"}


def versions(workspace: Workspace) -> set[str]:
    return {machine["config"]["image"] for machine in server(workspace)["machines"].values()}


def test_server_of_all_previews_is_upgraded_after_a_snapshot(shop: Workspace) -> None:
    run_older_release(shop)
    upgrade = "resources upgrade postgres.default#web.db"
    assert "Move postgres.default#web.db from Postgres 17.6 to 17.11, and restart previews-postgres" in run(
        shop, upgrade, 7, code=2
    )
    assert "would be: 1 deployed" in run(shop, f"{upgrade} --dry-run", 7)
    assert versions(shop) == {"postgres:17.6-bookworm"}
    assert "taking a snapshot of volume data" in run(shop, f"{upgrade} --yes", 7)
    assert versions(shop) == {"postgres:17.11-bookworm"}
    assert [len(each) for each in server(shop)["snapshots"].values()] == [1]
    assert "runs the newest release of its line" in run(shop, upgrade, 8)
    assert "1 unchanged" in run(shop, "deploy", 8)
    assert owners(shop) == ["pr_7", "pr_8"]
