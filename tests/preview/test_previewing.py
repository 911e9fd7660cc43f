"""Previews through the Action: what a pull request gets, and what is left of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from git_servers import git
from github_events import Json, issue_comment, pull_request, variables, workflow_dispatch
from github_server import READ_ONLY, Fault, GitHub
from workspaces import ActionResult, Workspace

MARKER = "<!-- scorefly preview -->"
CACHE = '    variables: {CACHE: "redis://:${resources.cache.password}@x"}\nresources: {cache: {type: redis}}\n'
PUBLIC = "service: {ports: {http: {port: 80}}}\n"


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        server.open_pull(7)
        yield server


def act(workspace: Workspace, github: GitHub, name: str, payload: Json, **inputs: str) -> ActionResult:
    given = {"command": "preview", "rehearse": "true", **{key.replace("_", "-"): each for key, each in inputs.items()}}
    return workspace.action(given, **variables(github, name, payload, workspace.path.parent))


def pull(workspace: Workspace, github: GitHub, action: str, **inputs: str) -> ActionResult:
    return act(workspace, github, "pull_request", pull_request(github, 7, action), **inputs)


def apps(workspace: Workspace) -> list[str]:
    return sorted(workspace.world["apps"])


def test_an_opened_pull_request_gets_apps_of_its_own_and_one_comment_that_tells_of_them(
    workspace: Workspace, github: GitHub
) -> None:
    workspace.workload("web", CACHE + PUBLIC)
    result = pull(workspace, github, "opened", app_prefix="acme-")
    assert result.code == 0, result.out
    assert apps(workspace) == ["acme-web-cache-pr-7", "acme-web-pr-7"]
    assert (result.outputs["environment"], result.outputs["url"]) == ("pr-7", "https://acme-web-pr-7.fly.dev")
    (body,) = github.bodies(7)
    assert body.startswith(f"{MARKER}\n### 🟡 Preview <code>pr-7</code> was rehearsed, not deployed")
    assert f"Commit <code>{0:07x}</code>" in body
    assert "[log](https://github.com/acme/shop/actions/runs/42)" in body
    assert "| <code>acme-web-pr-7</code> | 🟢 created |  |" in body
    assert "https://acme-web-pr-7.fly.dev" not in body  # nothing runs there
    assert "<summary>Resources: 1</summary>" in body


def test_a_deployment_shows_where_the_preview_is(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web", PUBLIC)
    pull(workspace, github, "opened")
    (deployment,) = github.deployments.values()
    assert (deployment["environment"], deployment["sha"]) == ("pr-7", f"{7:040x}")
    assert (deployment["transient_environment"], deployment["production_environment"]) == (True, False)
    assert [status["state"] for status in github.statuses[deployment["id"]]] == ["in_progress", "success"]
    assert github.statuses[deployment["id"]][-1]["environment_url"] == "https://web-pr-7.fly.dev"


def test_a_push_edits_the_comment_and_retires_the_deployment_before_it(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web", PUBLIC)
    pull(workspace, github, "opened")
    github.open_pull(7, sha="d" * 40)
    workspace.workload("web", PUBLIC, image="nginx:1.28")
    result = pull(workspace, github, "synchronize")
    assert result.outputs["deployed"] == '["web-pr-7"]'
    (body,) = github.bodies(7)
    assert f"Commit <code>{'d' * 7}</code>" in body
    assert github.states("pr-7") == ["inactive", "success"]


def test_previews_are_small_unless_somebody_asks_for_more(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web", PUBLIC)
    pull(workspace, github, "opened")
    assert len(workspace.world["apps"]["web-pr-7"]["machines"]) == 1
    assert workspace.toml("web-pr-7", "pr-7")["http_service"]["auto_stop_machines"] == "stop"
    workspace.write("scorefly.yaml", "ha: true\nauto-stop: suspend\n")
    pull(workspace, github, "synchronize")
    assert len(workspace.world["apps"]["web-pr-7"]["machines"]) == 2
    assert workspace.toml("web-pr-7", "pr-7")["http_service"]["auto_stop_machines"] == "suspend"


def test_a_closed_pull_request_leaves_nothing_but_its_comment(workspace: Workspace, github: GitHub) -> None:
    github.permissions["administration"] = "write"
    workspace.workload("web", CACHE)
    pull(workspace, github, "opened")
    github.pulls[7]["state"] = "closed"
    result = pull(workspace, github, "closed")
    assert result.code == 0, result.out
    assert json.loads(result.outputs["destroyed"]) == ["web-pr-7", "web-cache-pr-7"]
    assert apps(workspace) == []
    assert not list((workspace.path / ".scorefly/rehearsal").glob("pr-7*"))
    assert (github.environments, github.states("pr-7")) == (set(), ["inactive"])
    (body,) = github.bodies(7)
    assert "⚫ Preview <code>pr-7</code> is destroyed" in body


def test_closing_twice_or_what_never_was_is_fine_and_says_nothing_new(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web")
    github.pulls[7]["state"] = "closed"
    for _ in range(2):
        result = pull(workspace, github, "closed")
        assert (result.code, result.outputs["destroyed"]) == (0, "[]")
    assert github.bodies(7) == []


@pytest.mark.parametrize("content", [None, "{", "apiVersion: score.dev/v1b1\n"])
def test_closing_needs_no_score_file(workspace: Workspace, github: GitHub, content: str | None) -> None:
    path = workspace.workload("web")
    pull(workspace, github, "opened")
    path.unlink()
    if content is not None:
        path.write_text(content)
    github.pulls[7]["state"] = "closed"
    assert pull(workspace, github, "closed").code == 0
    assert apps(workspace) == []


def test_closing_destroys_what_a_failed_deploy_left(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("api")
    workspace.workload("web", image="rehearsal.invalid/crashing:1")
    result = pull(workspace, github, "opened")
    assert (result.code, apps(workspace)) == (1, ["api-pr-7", "web-pr-7"])
    assert "🔴 Preview <code>pr-7</code> failed" in github.bodies(7)[0]
    assert github.states("pr-7") == ["failure"]
    github.pulls[7]["state"] = "closed"
    assert pull(workspace, github, "closed").code == 0
    assert apps(workspace) == []


def test_closing_without_state_finds_the_apps_by_their_marks(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web")
    pull(workspace, github, "opened")
    for path in (workspace.path / ".scorefly/rehearsal").glob("pr-7*"):
        path.unlink()
    github.pulls[7]["state"] = "closed"
    assert pull(workspace, github, "closed").outputs["destroyed"] == '["web-pr-7"]'


def test_only_apps_with_its_own_mark_are_touched(workspace: Workspace, github: GitHub) -> None:
    """Production, another preview, and an app of the preview's very name that somebody made by hand."""
    workspace.workload("web")
    folder = workspace.path.parent
    beside = variables(github, "push", {}, folder)
    workspace.action({"rehearse": "true"}, **beside)
    github.open_pull(8)
    act(workspace, github, "pull_request", pull_request(github, 8, "opened"))
    world = workspace.world
    by_hand = {**world["apps"]["web"], "id": "by-hand", "name": "web-pr-7", "machines": {}}
    world["apps"]["web-pr-7"] = by_hand
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))
    opened = pull(workspace, github, "opened")
    assert (opened.code, opened.outputs["failed"]) == (1, '["web-pr-7"]')
    assert "was not made by scorefly for this environment" in opened.out
    github.pulls[7]["state"] = "closed"
    assert pull(workspace, github, "closed").outputs["destroyed"] == "[]"
    assert workspace.world["apps"] == world["apps"]


def test_broken_score_files_are_told_in_the_comment_too(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web", "    nope: 1\n")
    result = pull(workspace, github, "opened")
    assert result.code == 2
    assert "🔴 Preview <code>pr-7</code> failed" in github.bodies(7)[0]
    assert "unknown key 'nope'" in github.bodies(7)[0]
    assert github.states("pr-7") == ["failure"]


def test_no_secret_is_in_the_comment(workspace: Workspace, github: GitHub) -> None:
    secret = "s3cret|*value*"
    workspace.workload("web", f"    nope: {secret!r}\n    {secret!r}: 1\n")
    result = pull(workspace, github, "opened", secrets=json.dumps({"A": secret}))
    assert result.code == 2
    (body,) = github.bodies(7)
    assert "unknown key" in body
    assert "s3cret" not in body


def test_comment_false_leaves_the_pull_request_alone(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web")
    assert pull(workspace, github, "opened", comment="false").code == 0
    assert (github.bodies(7), github.states("pr-7")) == ([], ["success"])


def test_a_dry_run_changes_nothing_anywhere(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web")
    result = pull(workspace, github, "opened", dry_run="true")
    assert (result.code, result.outputs["deployed"]) == (0, '["web-pr-7"]')
    assert {method for method, _ in github.requests} == {"GET"}
    assert not (workspace.path / ".scorefly/rehearsal/world.json").exists()


@pytest.mark.parametrize("path", [".*/comments", ".*/deployments", ".*/statuses"])
def test_what_github_refuses_is_a_warning_not_a_failed_preview(workspace: Workspace, github: GitHub, path: str) -> None:
    github.faults.append(Fault("POST", path, 422, times=9))
    workspace.workload("web")
    result = pull(workspace, github, "opened")
    assert (result.code, apps(workspace)) == (0, ["web-pr-7"])
    assert "::warning" in result.out


def test_the_environment_that_may_not_be_deleted_is_told_as_a_notice(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web")
    pull(workspace, github, "opened")
    github.pulls[7]["state"] = "closed"
    result = pull(workspace, github, "closed")
    assert (result.code, github.environments) == (0, {"pr-7"})
    assert "::notice title=scorefly%3A notice::GitHub's environment pr-7 stays" in result.out


def test_a_fork_is_rehearsed_without_its_secrets_and_the_summary_says_so(workspace: Workspace, github: GitHub) -> None:
    github.permissions = dict(READ_ONLY)
    github.open_pull(7, head="stranger/shop", author="stranger")
    workspace.workload(
        "web",
        '    variables: {A: "${resources.token.value}", B: "${resources.env.B}"}\n'
        "resources: {token: {type: secret, params: {name: A}}, env: {type: environment}}\n",
    )
    result = pull(workspace, github, "opened", rehearse="false")
    assert result.code == 0, result.out
    assert result.outputs["deployed"] == '["web-pr-7"]'
    assert "fork, which gets no secrets" in result.summary
    assert "Simulated" in result.summary
    assert github.bodies(7) == []
    assert github.deployments == {}


def test_a_fork_never_gets_secrets_from_pull_request_target_and_the_comment_says_so(
    workspace: Workspace, github: GitHub
) -> None:
    github.open_pull(7, head="stranger/shop", author="stranger")
    workspace.workload(
        "web", '    variables: {A: "${resources.token.value}"}\nresources: {token: {type: secret, params: {name: A}}}\n'
    )
    payload = pull_request(github, 7, "opened", "stranger")
    given = {"rehearse": "false", "fly_api_token": "fo1_x", "secrets": '{"A": "value-of-a"}'}
    result = act(workspace, github, "pull_request_target", payload, **given)
    assert result.code == 0, result.out
    (body,) = github.bodies(7)
    assert "🟡 Preview <code>pr-7</code> was rehearsed, not deployed" in body
    assert "fork, which gets no secrets" in body.replace("\\", "")
    assert github.deployments == {}
    assert not any(b"value-of-a" in content for content in workspace.tree().values())


def test_a_forks_own_provisioner_runs_no_program_beside_our_secrets(workspace: Workspace, github: GitHub) -> None:
    github.open_pull(7, head="stranger/shop", author="stranger")
    workspace.workload("web", "resources: {it: {type: thing}}\n")
    entry = {"uri": "cmd://sh", "type": "thing", "args": ["-c", "env > stolen; echo '{}'"], "rehearse": True}
    workspace.write(".scorefly/acme.provisioners.yaml", json.dumps([entry]))
    for event in ("pull_request_target", "pull_request"):
        payload = pull_request(github, 7, "opened", "stranger")
        act(workspace, github, event, payload, rehearse="false", fly_api_token="fo1_x")
    assert not list(workspace.path.rglob("stolen"))


def test_a_forks_project_file_has_nothing_written_outside_of_its_workspace(
    workspace: Workspace, github: GitHub
) -> None:
    github.open_pull(7, head="stranger/shop", author="stranger")
    workspace.workload("web")
    workspace.write("scorefly.yaml", "artefacts: ../outside\nstate: file:../outside.state\n")
    payload = pull_request(github, 7, "opened", "stranger")
    result = act(workspace, github, "pull_request_target", payload, rehearse="false", fly_api_token="fo1_x")
    assert result.code == 0, result.out
    assert not list(workspace.path.parent.glob("outside*"))


def test_allow_forks_cannot_be_said_by_the_forks_own_files(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web")
    workspace.write("scorefly.yaml", "allow-forks: true\n")
    result = pull(workspace, github, "opened")
    assert result.code == 2
    assert "'allow-forks' does not belong into a file" in result.out


def test_with_allow_forks_a_fork_is_deployed_as_any_other(workspace: Workspace, github: GitHub) -> None:
    github.open_pull(7, head="stranger/shop", author="stranger")
    workspace.workload("web")
    payload = pull_request(github, 7, "opened", "stranger")
    act(workspace, github, "pull_request_target", payload, allow_forks="true")
    assert github.states("pr-7") == ["success"]


@pytest.mark.parametrize("head", ["acme/shop", "stranger/shop"])
def test_the_base_branch_is_never_taken_for_the_pull_request(workspace: Workspace, github: GitHub, head: str) -> None:
    github.open_pull(7, head=head)
    workspace.workload("web")
    git(workspace.path, "init", "--quiet")
    workspace.write(".git/HEAD", f"{'b' * 40}\n")
    result = act(workspace, github, "pull_request_target", pull_request(github, 7, "opened"))
    assert result.code == (2 if head == "acme/shop" else 0)
    expected = "ref: refs/pull/7/head" if head == "acme/shop" else "that code is not checked out here"
    assert expected in result.out
    assert not (workspace.path / ".scorefly/rehearsal/world.json").exists()


def test_a_comment_deploys_and_destroys_for_those_who_may_write(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web")
    assert act(workspace, github, "issue_comment", issue_comment(github, 7, "/preview\nplease")).code == 0
    assert apps(workspace) == ["web-pr-7"]
    act(workspace, github, "issue_comment", issue_comment(github, 7, "/preview destroy"))
    assert apps(workspace) == []


def test_a_stranger_cannot_ask_for_anything_whatever_the_event_says_of_them(
    workspace: Workspace, github: GitHub
) -> None:
    workspace.workload("web")
    for body in ("/preview", "/preview destroy"):
        result = act(workspace, github, "issue_comment", issue_comment(github, 7, body, sender="stranger"))
        assert result.code == 0
        assert "stranger has no write access" in result.out
    assert not (workspace.path / ".scorefly/rehearsal/world.json").exists()
    assert github.bodies(7) == []


def test_a_number_by_hand_deploys_and_destroys(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web")
    assert act(workspace, github, "workflow_dispatch", workflow_dispatch(github, number="7")).code == 0
    assert apps(workspace) == ["web-pr-7"]
    act(workspace, github, "workflow_dispatch", workflow_dispatch(github, number="#7", destroy="true"))
    assert apps(workspace) == []


@pytest.mark.parametrize(
    ("name", "payload", "says"),
    [
        ("push", {}, "a push event names none"),
        ("workflow_dispatch", {"inputs": None}, "an input called `number`"),
        ("workflow_dispatch", {"inputs": {"number": "7; rm"}}, "an input called `number`"),
        ("pull_request", {"action": "opened"}, "not as GitHub documents it"),
    ],
)
def test_an_event_without_a_pull_request_is_refused(
    workspace: Workspace, github: GitHub, name: str, payload: dict[str, Any], says: str
) -> None:
    result = act(workspace, github, name, payload)
    assert (result.code, says in result.out) == (2, True)


def test_without_a_workflow_preview_says_where_it_belongs(workspace: Workspace) -> None:
    result = workspace.run("preview", "--rehearse")
    assert result.code == 2
    assert "run it in a workflow" in result.err


def test_the_comment_of_a_failed_preview_shows_how_the_app_ended(workspace: Workspace, github: GitHub) -> None:
    workspace.workload("web", PUBLIC, image="rehearsal.invalid/crashing:1")
    workspace.workload("worker")
    assert pull(workspace, github, "opened").code == 1
    (body,) = github.bodies(7)
    assert body.startswith(f"{MARKER}\n### 🔴 Preview <code>pr-7</code> failed (simulated")
    assert "#### web\\-pr\\-7 failed" in body
    assert "exited with 1" in body
    assert "Last lines of its log:" in body
    assert "| <code>worker-pr-7</code> | 🟢 created |" in body
