"""Status, history and rollback: what runs, which releases there were, and how to go back to one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flyctl_programs import environment
from scorefly.rehearsal.server import Rehearsal
from workspaces import Result, Workspace

IMAGES = ("nginx:1.25", "nginx:1.26", "nginx:1.27")


def git(workspace: Workspace, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=workspace.path, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(workspace: Workspace, message: str) -> str:
    git(workspace, "add", "--all")
    git(workspace, "commit", "--allow-empty", "--message", message)
    return git(workspace, "rev-parse", "HEAD")


def run(workspace: Workspace, *arguments: str) -> Result:
    result = workspace.run(*arguments, "--rehearse")
    assert result.code == 0, result.out + result.err
    return result


def rows(workspace: Workspace, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(workspace, *arguments, "--format", "json").out)
    return found


def web_status(workspace: Workspace) -> dict[str, Any]:
    (row,) = rows(workspace, "status", "web")
    return row


def running(workspace: Workspace, app: str = "web") -> set[str]:
    return {machine["config"]["image"] for machine in workspace.world["apps"][app]["machines"].values()}


@pytest.fixture
def repository(workspace: Workspace) -> Workspace:
    git(workspace, "init", "--quiet")
    workspace.write(".gitignore", ".scorefly/\n")
    return workspace


@pytest.fixture
def commits(repository: Workspace) -> list[str]:
    """Three deploys of three commits, each with another image."""
    found = []
    for image in IMAGES:
        repository.workload("web", "    variables: {A: x}\n", image=image)
        found.append(commit(repository, image))
        run(repository, "deploy")
    return found


def test_status_shows_commit_image_machines_and_drift(repository: Workspace, commits: list[str]) -> None:
    row = web_status(repository)
    assert (row["workload"], row["app"], row["commit"], row["image"]) == ("web", "web", commits[-1], IMAGES[-1])
    assert {machine["state"] for machine in row["machines"]} == {"started", "stopped"}
    assert {tuple(machine) for machine in row["machines"]} == {("id", "region", "state")}
    assert (row["certificates"], row["drift"], row["rollback"]) == ([], [], None)
    assert row["since"].endswith("Z")
    world = repository.world
    for machine in world["apps"]["web"]["machines"].values():
        machine["config"]["image"] = "nginx:by-hand"
    (repository.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))
    (drift,) = web_status(repository)["drift"]
    assert drift == {"what": "image", "deployed": [IMAGES[-1]], "running": ["nginx:by-hand"]}
    assert "drift     image: nginx:1.27 was deployed, nginx:by-hand runs" in run(repository, "status").out


def test_history_lists_releases_newest_first(repository: Workspace, commits: list[str]) -> None:
    listed = rows(repository, "history")
    assert [row["commit"] for row in listed] == commits[::-1]
    assert [row["image"] for row in listed] == list(IMAGES[::-1])
    assert [row["current"] for row in listed] == [True, False, False]
    assert [row["at"] for row in listed] == sorted((row["at"] for row in listed), reverse=True)


def test_rollback_undoes_the_last_deploy_and_then_the_one_before(repository: Workspace, commits: list[str]) -> None:
    result = run(repository, "rollback")
    assert "1 deployed" in result.out
    assert running(repository) == {IMAGES[1]}
    row = web_status(repository)
    assert (row["commit"], row["image"]) == (commits[1], IMAGES[1])
    assert row["rollback"]["from_commit"] == commits[2]
    assert [each["current"] for each in rows(repository, "history")] == [False, True, False]
    run(repository, "rollback", "web")
    assert running(repository) == {IMAGES[0]}
    assert web_status(repository)["rollback"]["from_commit"] == commits[2]
    refused = repository.run("rollback", "--rehearse")
    assert (refused.code, "state has no earlier release of web" in refused.err) == (2, True)


def test_a_rolled_back_environment_stays_until_a_newer_commit(repository: Workspace, commits: list[str]) -> None:
    run(repository, "rollback", "--to", commits[0][:8])
    assert running(repository) == {IMAGES[0]}
    for arguments in (("deploy",), ("plan",)):
        result = run(repository, *arguments)
        assert f"was rolled back from {commits[2][:7]} to {commits[0][:7]}" in result.out + result.err
        assert running(repository) == {IMAGES[0]}
    git(repository, "checkout", "--quiet", commits[1])
    assert "stays there until a commit newer" in run(repository, "deploy").out
    assert running(repository) == {IMAGES[0]}
    git(repository, "checkout", "--quiet", commits[2])
    newer = commit(repository, "newer")
    assert "1 deployed" in run(repository, "deploy").out
    row = web_status(repository)
    assert (row["commit"], row["rollback"], running(repository)) == (newer, None, {IMAGES[2]})


def test_force_deploys_over_a_rollback(repository: Workspace, commits: list[str]) -> None:
    run(repository, "rollback")
    assert "1 deployed" in run(repository, "deploy", "--force").out
    assert (web_status(repository)["rollback"], running(repository)) == (None, {IMAGES[2]})


def test_rolling_forward_to_the_newest_release_ends_the_rollback(repository: Workspace, commits: list[str]) -> None:
    run(repository, "rollback")
    run(repository, "rollback", "--to", commits[2])
    assert (web_status(repository)["rollback"], running(repository)) == (None, {IMAGES[2]})
    assert [each["rolled_back"] for each in rows(repository, "history")] == [False, False, False]
    assert "1 unchanged" in run(repository, "deploy").out


def test_a_deploy_after_a_rollback_is_not_undone_to_what_was_rolled_back(
    repository: Workspace, commits: list[str]
) -> None:
    run(repository, "rollback")
    repository.workload("web", image="nginx:1.28")
    commit(repository, "fixed")
    run(repository, "deploy")
    run(repository, "rollback")
    assert running(repository) == {IMAGES[1]}


@pytest.mark.parametrize("target", ["0123456789abcdef", "main", "abc", "-"])
def test_an_unknown_commit_is_refused_before_anything_changes(
    repository: Workspace, commits: list[str], target: str
) -> None:
    before = repository.tree()
    result = repository.run("rollback", "--rehearse", f"--to={target}")
    assert result.code == 2
    assert f"--to: no release of commit {target!r} is kept" in result.err
    assert repository.tree() == before


def test_a_dry_run_of_a_rollback_changes_nothing(repository: Workspace, commits: list[str]) -> None:
    before = repository.tree()
    assert "would be: 1 deployed" in run(repository, "rollback", "--dry-run").out
    assert repository.tree() == before


def test_without_git_a_rollback_holds_against_the_same_deploy(workspace: Workspace) -> None:
    for image in IMAGES[:2]:
        workspace.workload("web", image=image)
        run(workspace, "deploy")
    run(workspace, "rollback")
    assert running(workspace) == {IMAGES[0]}
    result = run(workspace, "deploy")
    assert "web was rolled back, and stays as it is until something else is deployed" in result.err
    assert running(workspace) == {IMAGES[0]}
    assert "web was rolled back" in run(workspace, "plan").err
    workspace.workload("web", image=IMAGES[2])
    assert "1 deployed" in run(workspace, "deploy").out
    assert running(workspace) == {IMAGES[2]}


def test_only_what_the_last_deploy_changed_is_rolled_back(repository: Workspace) -> None:
    found = []
    for image in IMAGES:
        repository.workload("web", image=image)
        repository.workload("api", image=IMAGES[0] if image == IMAGES[0] else IMAGES[1])
        found.append(commit(repository, image))
        run(repository, "deploy")
    result = run(repository, "rollback")
    assert "api stays as it is: the last deploy did not change it" in result.err
    assert (running(repository, "web"), running(repository, "api")) == ({IMAGES[1]}, {IMAGES[1]})
    run(repository, "rollback", "--to", found[0])
    assert (running(repository, "web"), running(repository, "api")) == ({IMAGES[0]}, {IMAGES[0]})


def test_files_of_an_earlier_release_are_deployed_again(workspace: Workspace) -> None:
    for text in ("old", "new"):
        workspace.workload("web", f"    files: {{/etc/x: {{content: {text}}}}}\n")
        run(workspace, "deploy")
    assert (workspace.path / ".scorefly/out/local/web/files/etc/x").read_text() == "new"
    run(workspace, "rollback")
    assert (workspace.path / ".scorefly/out/local/web/files/etc/x").read_text() == "old"


def test_a_release_whose_secrets_are_gone_is_refused(workspace: Workspace) -> None:
    workspace.workload(
        "web",
        '    variables: {P: "${resources.key.value}"}\nresources: {key: {type: secret, params: {name: KEY}}}\n',
        image=IMAGES[0],
    )
    run(workspace, "deploy", "--secrets", '{"KEY": "hunter2-hunter2"}')
    workspace.workload("web", image=IMAGES[1])
    run(workspace, "deploy")
    result = workspace.run("rollback", "--rehearse")
    assert result.code == 2
    assert "of web used secrets that are gone: P (set them with `fly secrets set --stage -a web`" in result.err
    run(workspace, "rollback", "--force")
    assert running(workspace) == {IMAGES[0]}


def test_a_workload_that_was_never_deployed_is_refused(repository: Workspace, commits: list[str]) -> None:
    for command in ("status", "history", "rollback"):
        result = repository.run(command, "wep", "--rehearse")
        assert result.code == 2
        assert "'wep' was never deployed to local (did you mean 'web'?)" in result.err


def test_nothing_deployed_is_an_empty_status(workspace: Workspace) -> None:
    assert rows(workspace, "status") == []
    assert rows(workspace, "history") == []
    assert "nothing is deployed" in run(workspace, "status").out
    assert workspace.run("rollback", "--rehearse").code == 2


def test_state_keeps_ten_releases(workspace: Workspace) -> None:
    for number in range(12):
        workspace.workload("web", image=f"nginx:1.{number}")
        run(workspace, "deploy")
    assert [row["image"] for row in rows(workspace, "history")] == [f"nginx:1.{n}" for n in range(11, 1, -1)]


def test_a_rollback_keeps_the_number_of_machines(workspace: Workspace) -> None:
    workspace.workload("web", image=IMAGES[0])
    run(workspace, "deploy")
    workspace.write("scorefly.yaml", "workloads: {web: {count: 3}}\n")
    workspace.workload("web", image=IMAGES[1])
    run(workspace, "deploy")
    before = set(workspace.world["apps"]["web"]["machines"])
    assert len(before) == 3
    run(workspace, "rollback")
    assert (running(workspace), set(workspace.world["apps"]["web"]["machines"])) == ({IMAGES[0]}, before)


def test_a_rollback_of_a_built_image_deploys_it_without_building(workspace: Workspace) -> None:
    workspace.write("Dockerfile", "FROM scratch\n")
    workspace.workload("web", "    files: {/etc/x: {content: a}}\n", image=".")
    run(workspace, "deploy")
    (built,) = running(workspace)
    workspace.write("Dockerfile", "FROM scratch\nLABEL a=b\n")
    workspace.workload("web", "    files: {/etc/x: {content: b}}\n", image=".")
    run(workspace, "deploy")
    assert running(workspace) != {built}
    (workspace.path / "Dockerfile").unlink()
    run(workspace, "rollback")
    assert running(workspace) == {built}
    config = next(iter(workspace.world["apps"]["web"]["machines"].values()))["config"]
    assert [file["raw_value"] for file in config["files"]] == ["YQ=="]


def test_status_shows_the_certificate_of_a_custom_host(workspace: Workspace) -> None:
    workspace.workload(
        "web",
        "service: {ports: {http: {port: 80}}}\n"
        "resources: {way: {type: route, params: {host: shop.example.com, port: http}}}\n",
    )
    run(workspace, "deploy")
    (certificate,) = web_status(workspace)["certificates"]
    assert (certificate["host"], certificate["status"]) == ("shop.example.com", "pending_validation")
    assert {record["type"] for record in certificate["records"]} >= {"A", "AAAA"}
    assert "host      shop.example.com: pending_validation (set A shop.example.com" in run(workspace, "status").out


def test_a_rollback_with_flyctl_leaves_secrets_as_they_are(workspace: Workspace, tmp_path: Path) -> None:
    body = '    variables: {P: "${resources.db.password}"}\nresources: {db: {type: redis}}\n'
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        for image in IMAGES[:2]:
            workspace.workload("web", body, image=image)
            result = workspace.run("deploy", "--region", "ams", **given)
            assert result.code == 0, result.err
        secrets = fly.received_secrets("web")
        result = workspace.run("rollback", "--format", "json", **given)
        assert result.code == 0, result.err
        assert [(app["workload"], app["status"]) for app in json.loads(result.out)] == [("web", "deployed")]
        images = {each["config"]["image"] for each in fly.world.data["apps"]["web"]["machines"].values()}
        assert images == {IMAGES[0]}
        assert fly.received_secrets("web") == secrets != {}
