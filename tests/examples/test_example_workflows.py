"""The workflows in examples/: checked as GitHub's users check theirs, and run by a small emulation of the runner."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from github_events import events, issue_comment, pull_request, push, workflow_dispatch
from github_server import GitHub
from runner import WORKFLOWS, Runner, cancelled, evaluate
from scorefly.fly.api import FlyApi
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

SECRETS = {"FLY_API_TOKEN": "fo1_token", "SMTP_PASSWORD": "s3cret-s3cret"}
MAIL = '    variables: {PASSWORD: "${resources.mail.value}"}\nresources:\n  mail: {type: secret, params: {name: SMTP_PASSWORD}}\n'
FILES = sorted(WORKFLOWS.glob("*.yml"))


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        server.open_pull(7)
        yield server


@pytest.fixture
def runner(workspace: Workspace, github: GitHub) -> Iterator[Runner]:
    workspace.workload("web", MAIL)
    with Rehearsal(None) as fly:
        with FlyApi("fo1_token", fly.url) as api:
            api.create_app("acme-images", "personal")
        yield Runner(workspace, github, SECRETS, registry=fly.registry_host)


def apps(runner: Runner) -> list[str]:
    return sorted(runner.workspace.world["apps"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_workflow_gives_its_token_no_more_than_each_job_names_and_pins_what_it_uses(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    assert all(job["permissions"] for job in workflow["jobs"].values())
    used = re.findall(r"uses: (\S+)", path.read_text())
    others = [each for each in used if not each.startswith(("scorefly/scorefly@v", "./"))]
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each) for each in others)
    assert "toJSON(secrets)" not in path.read_text()


@pytest.mark.parametrize("tool", ["actionlint", "zizmor --offline --pedantic --no-progress .github/workflows"])
def test_what_lints_workflows_finds_nothing(tool: str, tmp_path: Path) -> None:
    name, *arguments = tool.split()
    path = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if path is None:
        pytest.skip(f"{name} is not here")
    shutil.copytree(WORKFLOWS, tmp_path / ".github/workflows", ignore=shutil.ignore_patterns("*.md"))
    (tmp_path / ".git").mkdir()
    done = subprocess.run([path, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_push_to_main_deploys_to_production_and_any_other_push_does_not(runner: Runner) -> None:
    assert runner.run("production.yml", "push", push("topic")) == {}
    job = runner.run("production.yml", "push", push())["deploy"]
    assert (job.result, apps(runner)) == ("success", ["web"])
    assert job.results[0].outputs["environment"] == "production"


def test_a_pull_request_has_a_preview_from_its_opening_to_its_closing(runner: Runner, github: GitHub) -> None:
    def happens(action: str, event: str = "pull_request") -> dict[str, str]:
        jobs = runner.run("preview.yml", event, pull_request(github, 7, action))
        return {name: job.result for name, job in jobs.items()}

    assert happens("opened") == {"preview": "success", "teardown": "skipped"}
    assert apps(runner) == ["web-pr-7"]
    assert happens("synchronize") == {"preview": "success", "teardown": "skipped"}
    github.pulls[7]["state"] = "closed"
    assert happens("closed") == {}
    assert happens("closed", "pull_request_target") == {"preview": "skipped", "teardown": "success"}
    assert apps(runner) == []
    assert github.states("pr-7") == ["inactive", "inactive"]
    assert len(github.bodies(7)) == 1


def test_a_comment_previews_the_pull_requests_own_code(runner: Runner, github: GitHub) -> None:
    job = runner.run("preview.yml", "issue_comment", issue_comment(github, 7, "/preview"))["preview"]
    assert (job.result, job.refs) == ("success", ("refs/pull/7/head",))
    assert apps(runner) == ["web-pr-7"]


@pytest.mark.parametrize(("body", "issue"), [("looks good", False), ("/preview", True)])
def test_any_other_comment_starts_no_job(runner: Runner, github: GitHub, body: str, issue: bool) -> None:
    payload = issue_comment(github, 7, body, issue=issue)
    assert runner.run("preview.yml", "issue_comment", payload)["preview"].skipped


@pytest.mark.parametrize("number", ["9", "#9"])
def test_a_preview_by_hand_is_of_the_number_that_is_given(runner: Runner, github: GitHub, number: str) -> None:
    github.open_pull(9)
    job = runner.run("preview.yml", "workflow_dispatch", workflow_dispatch(github, number=number))["preview"]
    assert job.refs == ("refs/pull/9/head",)
    assert apps(runner) == ["web-pr-9"]
    runner.run("preview.yml", "workflow_dispatch", workflow_dispatch(github, number="9", destroy="true"))
    assert apps(runner) == []


def test_a_forks_preview_is_rehearsed_with_a_token_that_only_reads(runner: Runner, github: GitHub) -> None:
    github.open_pull(7, head="stranger/shop", author="stranger")
    job = runner.run("preview.yml", "pull_request", pull_request(github, 7, "opened", "stranger"))["preview"]
    assert job.result == "success", job.results[0].out
    assert "fork, which gets no secrets" in job.results[0].summary
    assert (github.bodies(7), github.deployments) == ([], {})


def test_staging_comes_before_production_and_a_failed_one_stops_it(runner: Runner) -> None:
    jobs = runner.run("staging-then-production.yml", "push", push())
    assert [job.result for job in jobs.values()] == ["success", "success"]
    assert apps(runner) == ["web", "web-staging"]
    runner.workspace.workload("web", MAIL, image="rehearsal.invalid/crashing:1")
    jobs = runner.run("staging-then-production.yml", "push", push())
    assert [job.result for job in jobs.values()] == ["failure", "skipped"]


def test_image_built_in_one_step_is_deployed_by_digest_in_the_next(
    workspace: Workspace, runner: Runner, tmp_path: Path
) -> None:
    canary = {"NPM_TOKEN": "npm-canary-4711"}
    workspace.workload("web", MAIL, image=".")
    workspace.write("Dockerfile", "FROM scratch AS built\n")
    job = replace(runner, secrets={**runner.secrets, **canary}).run("build.yml", "push", push())["deploy"]
    assert job.result == "success", job.results[0].out
    login, build = map(json.loads, (tmp_path / "docker-calls").read_text().splitlines())
    assert (login["argv"][-1], login["stdin"]) == (runner.registry, SECRETS["FLY_API_TOKEN"])
    tag = build["argv"][build["argv"].index("--tag") + 1]
    assert re.fullmatch(rf"{runner.registry}/acme-images:web-[0-9a-f]{{40}}", tag)
    assert "npm-canary-4711" not in json.dumps(build) + job.results[0].out + job.results[0].summary
    assert (tmp_path / "runner-temp/secret-0").read_text() == "npm-canary-4711"
    machines = workspace.world["apps"]["web"]["machines"].values()
    digest = json.loads((tmp_path / "runner-temp/metadata.json").read_text())["containerimage.digest"]
    assert {each["config"]["image"] for each in machines} == {f"registry.fly.io/acme-images@{digest}"}
    again = runner.run("build.yml", "push", push())["deploy"].results[0]
    assert json.loads(again.outputs["unchanged"]) == ["web"]


def test_a_monorepos_folder_is_deployed_when_something_of_it_changes(runner: Runner) -> None:
    runner.workspace.workload("shop", file="shop/api/score.yaml")
    assert runner.run("monorepo.yml", "push", push(), changed=["docs/index.md"]) == {}
    job = runner.run("monorepo.yml", "push", push(), changed=["shop/api/main.py"])["deploy"]
    assert (job.result, apps(runner)) == ("success", ["shop"])


def test_a_pull_request_plans_and_its_merge_deploys(runner: Runner, github: GitHub) -> None:
    jobs = runner.run("plan.yml", "pull_request", pull_request(github, 7, "opened"))
    assert (jobs["plan"].result, jobs["deploy"].skipped) == ("success", True)
    assert not (runner.workspace.path / ".scorefly/rehearsal/world.json").exists()
    (body,) = github.bodies(7)
    assert "Plan for <code>production</code>" in body
    jobs = runner.run("plan.yml", "push", push())
    assert (jobs["plan"].skipped, jobs["deploy"].result, apps(runner)) == (True, "success", ["web"])


def test_a_fork_is_not_planned(runner: Runner, github: GitHub) -> None:
    github.open_pull(7, head="stranger/shop", author="stranger")
    assert runner.run("plan.yml", "pull_request", pull_request(github, 7, "opened"))["plan"].skipped


def test_a_matrix_deploys_each_workload_after_those_it_needs_and_is_left_out_when_nothing_changes(
    runner: Runner,
) -> None:
    runner.workspace.workload("api", "service: {ports: {http: {port: 8080}}}\n")
    runner.workspace.workload("front", "resources: {api: {type: service-port, params: {workload: api, port: http}}}\n")
    jobs = runner.run("matrix.yml", "push", push())
    assert jobs["plan"].result == "success", jobs["plan"].results[0].out
    deployed = [json.loads(result.outputs["deployed"]) for result in jobs["deploy"].results]
    assert sorted(name for names in deployed for name in names) == ["api", "front", "web"]
    assert deployed.index(["api"]) < deployed.index(["front"])
    assert runner.run("matrix.yml", "push", push())["deploy"].skipped


def test_dependabots_plan_is_simulated_and_says_so(runner: Runner, github: GitHub) -> None:
    runner.run("plan.yml", "push", push())
    before = runner.workspace.tree()
    payload = pull_request(github, 7, "opened", "dependabot[bot]")
    job = runner.run("plan.yml", "pull_request", payload)["plan"]
    assert job.result == "success", job.results[0].out
    assert "GitHub gives a pull request of Dependabot no secrets" in job.results[0].summary
    assert "the plan knows no app of production" in job.results[0].summary
    assert json.loads(job.results[0].outputs["deployed"]) == ["web"]
    assert github.bodies(7) == []
    assert "::warning" not in job.results[0].out
    assert runner.workspace.tree() == before


RESULTS: dict[str, dict[str, dict[str, str]]] = {
    "production.yml": {"push": {"deploy": "success"}},
    "build.yml": {"push": {"deploy": "success"}},
    "sync.yml": {
        **{key: {"plan": "skipped", "sync": "success"} for key in ("push", "schedule", "dispatch")},
        "pull request": {"plan": "success", "sync": "skipped"},
        "fork": {"plan": "skipped", "sync": "skipped"},
        "Dependabot": {"plan": "success", "sync": "skipped"},
    },
    "sync-units.yml": {
        "push": {"plan": "success", "sync": "success"},
        "schedule": {"plan": "success", "sync": "skipped"},  # nothing has changed since
    },
    "matrix.yml": {"push": {"plan": "success", "deploy": "success"}},
    "monorepo.yml": {"push": {"deploy": "success"}},
    "staging-then-production.yml": {"push": {"staging": "success", "production": "success"}},
    "plan.yml": {
        "push": {"plan": "skipped", "deploy": "success"},
        "pull request": {"plan": "success", "deploy": "skipped"},
        "fork": {"plan": "skipped", "deploy": "skipped"},
        "Dependabot": {"plan": "success", "deploy": "skipped"},
    },
    "preview.yml": {
        **{
            key: {"preview": "success", "teardown": "skipped"}
            for key in ("pull request", "fork", "Dependabot", "comment", "dispatch")
        },
        "closed": {"preview": "skipped", "teardown": "success"},
        "fork closed": {"preview": "skipped", "teardown": "success"},
        "another comment": {"preview": "skipped", "teardown": "skipped"},
    },
    "preview-forks.yml": {
        "fork with secrets": {"preview": "success"},
        "pull request with secrets": {"preview": "skipped"},
    },
    "cleanup.yml": {"schedule": {"cleanup": "success"}, "dispatch": {"cleanup": "success"}},
    "reusable.yml": {},
}


@pytest.mark.parametrize("name", [path.name for path in FILES])
def test_every_workflow_does_what_it_should_for_every_event(runner: Runner, github: GitHub, name: str) -> None:
    runner.workspace.workload("shop", file="shop/api/score.yaml")
    runner.workspace.write("Dockerfile", "FROM scratch\n")
    for kind, (event, payload) in events(github).items():
        if payload.get("action") == "closed":
            github.pulls[payload["number"]]["state"] = "closed"
        jobs = runner.run(name, event, payload, changed=["shop/api/score.yaml"])
        said = [result.out for job in jobs.values() for result in job.results if result.code]
        assert {id_: job.result for id_, job in jobs.items()} == RESULTS[name].get(kind, {}), (kind, *said)


def test_checkout_refuses_a_forks_code_that_is_not_meant(
    runner: Runner, github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (WORKFLOWS / "preview-forks.yml").read_text()
    (tmp_path / "preview-forks.yml").write_text(text.replace("          allow-unsafe-pr-checkout: true\n", ""))
    monkeypatch.setattr("runner.WORKFLOWS", tmp_path)
    event, payload = events(github)["fork with secrets"]
    job = runner.run("preview-forks.yml", event, payload)["preview"]
    assert (job.result, job.results) == ("failure", ())


def test_no_run_that_has_work_of_its_own_is_cancelled(github: GitHub) -> None:
    happened = events(github)
    of_previews = [
        ("pull request", 2), ("closed", 1), ("comment", 3), ("dispatch", 2), ("another comment", 3), ("fork closed", 1)
    ]  # fmt: skip
    runs = [("preview.yml", *happened[kind]) for kind, times in of_previews for _ in range(times)]
    assert cancelled(runs) == []
    assert cancelled([("preview.yml", *happened["pull request"])] * 3) == [1]  # the newest push has the work of all
    assert (
        cancelled([("cleanup.yml", *happened[kind]) for kind in ("schedule", "schedule", "dispatch", "dispatch")]) == []
    )
    everything = [(name, "push", push()) for name in ("matrix.yml", "monorepo.yml", "plan.yml", "production.yml")]
    assert cancelled(everything) == []


def test_folders_of_a_monorepo_do_not_cancel_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (WORKFLOWS / "monorepo.yml").read_text()
    folders = ("shop", "blog", "mail")
    for folder in folders:
        (tmp_path / f"{folder}.yml").write_text(text.replace("name: Shop", f"name: {folder}"))
    monkeypatch.setattr("runner.WORKFLOWS", tmp_path)
    assert cancelled([(f"{folder}.yml", "push", push()) for folder in folders]) == []


def test_every_night_previews_of_closed_pull_requests_go(runner: Runner, github: GitHub) -> None:
    runner.run("production.yml", "push", push())
    runner.run("preview.yml", "pull_request", pull_request(github, 7, "opened"))
    github.pulls[7]["state"] = "closed"
    by_hand = runner.run("cleanup.yml", "workflow_dispatch", {"inputs": None})["cleanup"].results[0]
    assert (by_hand.outputs["destroyed"], apps(runner)) == ('["web-pr-7"]', ["web", "web-pr-7"])
    job = runner.run("cleanup.yml", "schedule", {"schedule": "17 3 * * *"})["cleanup"]
    assert (job.result, apps(runner)) == ("success", ["web"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.b || 'x'", "x"),
        ("a.c == 'YES' && !a.b", True),
        ("format('refs/{0}', a.n || 2)", "refs/2"),
        ("startsWith(a.c, 'y') && (a.b != null || a.c)", "yes"),
        ("toJSON(a.c)", '"yes"'),
        ("toJSON(a.unset)", "null"),
    ],
)
def test_the_emulation_reads_expressions_as_github_does(text: str, value: Any) -> None:
    assert evaluate(text, {"a": {"c": "yes", "n": None}}) == value


def test_no_secret_is_in_what_the_examples_print(runner: Runner) -> None:
    result = runner.run("production.yml", "push", push())["deploy"].results[0]
    shown = [line for line in result.out.splitlines() if not line.startswith("::add-mask::")]
    assert not [line for line in [*shown, result.summary, json.dumps(result.outputs)] if "s3cret-s3cret" in line]
