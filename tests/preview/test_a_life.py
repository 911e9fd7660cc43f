"""A repository's life, from workflow to workflow: pull requests come and go beside production, and a month passes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from github_events import issue_comment, pull_request
from github_server import GitHub
from runner import Job, Runner
from workspaces import Workspace

SECRETS = {"SMTP_PASSWORD": "s3cret-s3cret", "FLY_API_TOKEN": "", "SCOREFLY_STATE_KEY": ""}
API = """\
    variables:
      PASSWORD: ${resources.mail.value}
      DATABASE: postgres://${resources.db.username}:${resources.db.password}@${resources.db.host}/${resources.db.name}
service: {ports: {http: {port: 8080}}}
resources:
  mail: {type: secret, params: {name: SMTP_PASSWORD}}
  db: {type: postgres, id: db}
"""
WEB = """\
    variables: {API: "${resources.api.hostname}:${resources.api.port}"}
service: {ports: {http: {port: 80}}}
resources: {api: {type: service-port, params: {workload: api, port: http}}}
"""
SOMEBODY_ELSES = "legacy-pr-7"


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    workspace.workload("api", API)
    workspace.workload("web", WEB)
    workspace.workload("worker")
    return workspace


def test_a_life(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    with GitHub() as github:
        runner = Runner(workspace, github, SECRETS, beyond={"administration": "write"})

        def apps() -> set[str]:
            return set(workspace.world["apps"])

        def push() -> Job:
            payload = {"ref": "refs/heads/main", "sender": {"login": "owner", "type": "User"}}
            return done(runner.run("production.yml", "push", payload)["deploy"])

        def happens(number: int, action: str) -> Job:
            event, job = ("pull_request_target", "teardown") if action == "closed" else ("pull_request", "preview")
            return done(runner.run("preview.yml", event, pull_request(github, number, action))[job])

        push()
        production = {"api", "web", "worker", "db"}
        assert apps() == production

        # An app of somebody else, whose name could be one of the preview's.
        world = workspace.world
        world["apps"][SOMEBODY_ELSES] = {**world["apps"]["worker"], "name": SOMEBODY_ELSES, "id": "x", "machines": {}}
        write(workspace, world)

        github.open_pull(7)
        github.open_pull(8)
        seven = {f"{name}-pr-7" for name in production}
        assert set(json.loads(happens(7, "opened").results[0].outputs["deployed"])) == seven
        happens(8, "opened")
        assert happens(7, "synchronize").results[0].outputs["changed"] == "false"
        workspace.workload("worker", image="nginx:1.28")
        github.pulls[7]["head"]["sha"] = "d" * 40
        assert happens(7, "synchronize").results[0].outputs["deployed"] == '["worker-pr-7"]'
        done(runner.run("preview.yml", "issue_comment", issue_comment(github, 7, "/preview"))["preview"])
        assert push().results[0].outputs["deployed"] == '["worker"]'

        # The secret is dropped from the Score file, and the pull request is merged.
        workspace.workload("api", API.replace("      PASSWORD: ${resources.mail.value}\n", ""))
        github.pulls[7]["state"] = "closed"
        assert set(json.loads(happens(7, "closed").results[0].outputs["destroyed"])) == seven
        assert push().results[0].outputs["deployed"] == '["api"]'
        assert set(workspace.world["apps"]["api"]["secrets"]) == {"DATABASE"}

        a_month_passes(workspace)
        assert {f"{name}-pr-8" for name in production} < apps()
        done(runner.run("cleanup.yml", "schedule", {"schedule": "17 3 * * *"})["cleanup"])

        assert apps() == {*production, SOMEBODY_ELSES}
        assert workspace.world["apps"][SOMEBODY_ELSES] == world["apps"][SOMEBODY_ELSES]
        assert github.environments == set()
        assert set(github.states("pr-7") + github.states("pr-8")) == {"inactive"}
        assert [len(github.bodies(number)) for number in (7, 8)] == [1, 1]
        assert not list((workspace.path / ".scorefly/rehearsal").glob("pr-*"))
        assert push().results[0].outputs["changed"] == "false"
        with capsys.disabled():
            print(f"a life took {len(github.requests)} calls of GitHub")
        assert len(github.requests) < 100


def done(job: Job) -> Job:
    assert job.result == "success", job.results[-1].out
    shown = [line for each in job.results for line in each.out.splitlines() if not line.startswith("::add-mask::")]
    assert not [line for line in shown if "s3cret" in line]
    return job


def write(workspace: Workspace, world: dict[str, object]) -> None:
    (workspace.path / ".scorefly/rehearsal/world.json").write_text(json.dumps(world))


def a_month_passes(workspace: Workspace) -> None:
    then = (datetime.now(UTC) - timedelta(days=31)).strftime("%Y-%m-%dT%H:%M:%SZ")
    world = workspace.world
    for app in world["apps"].values():
        for machine in app["machines"].values():
            machine["updated_at"] = then
    write(workspace, world)
