"""`init`: a Score file from what is there, a project file, and a workflow that deploys once it can."""

from __future__ import annotations

import hashlib
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from github_events import push
from github_server import GitHub
from provisioning_server import Reply, provisioning_server
from runner import Runner
from workspaces import Workspace

SERVER = "# yaml-language-server: $schema="
COMPOSE = """\
services:
  web:
    build: {context: ./web}
    ports: ["127.0.0.1:8080:3000/tcp"]
    environment: [MODE=production, "GREETING=${GREETING}", "LEVEL=${LEVEL:-info}"]
    depends_on: {db: {condition: service_started}}
  worker:
    image: ghcr.io/acme/worker:1.4
    command: bin/work --all
    environment: {MODE: production}
  db:
    image: postgres:17-alpine
"""
FLY = """\
app = "acme-shop"
primary_region = "cdg"
[build]
image = "ghcr.io/acme/shop:2"
[env]
MODE = "production"
[http_service]
internal_port = 3000
[[mounts]]
source = "data"
destination = "/data"
[[statics]]
guest_path = "/x"
url_prefix = "/x"
"""


def at_a_terminal(workspace: Workspace, answers: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`scorefly init` with a person who types these lines."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answers.encode())
        command = [sys.executable, "-m", "scorefly", "init", *words]
        return subprocess.run(
            command, cwd=workspace.path, stdin=theirs, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)


def read(workspace: Workspace, name: str) -> Any:
    return yaml.safe_load((workspace.path / name).read_text())


def works(workspace: Workspace) -> bool:
    return workspace.run("validate").code == 0 and workspace.run("deploy", "--rehearse").code == 0


def test_every_file_names_its_schema_in_its_first_line(workspace: Workspace) -> None:
    workspace.run("init")
    schemas = {
        "score.yaml": "score-v1b1.json",
        "scorefly.yaml": "project.schema.json",
        ".github/workflows/scorefly.yml": "github-workflow.json",
    }
    for name, schema in schemas.items():
        first = (workspace.path / name).read_text().splitlines()[0]
        assert first.startswith(SERVER), name
        assert first.endswith(f"/{schema}"), name


def test_flags_give_the_prefix_the_region_and_the_file(workspace: Workspace) -> None:
    result = workspace.run("init", "--app-prefix", "acme-", "--region", "cdg", "-f", "deploy/score.yaml")
    assert result.code == 0, result.err
    project = read(workspace, "scorefly.yaml")
    assert (project["app-prefix"], project["region"]) == ("acme-", "cdg")
    assert read(workspace, "deploy/score.yaml")["metadata"]["name"] == "hello"
    assert works(workspace)


def test_no_sample_writes_no_score_file(workspace: Workspace) -> None:
    assert workspace.run("init", "--no-sample").code == 0
    assert sorted(workspace.tree()) == [".github/workflows/scorefly.yml", "scorefly.yaml"]


def test_a_dockerfile_is_built_and_its_port_served(workspace: Workspace) -> None:
    workspace.write("Dockerfile", "FROM python:3.13\nEXPOSE 3000/tcp\n")
    assert workspace.run("init").code == 0
    score = read(workspace, "score.yaml")
    assert score["containers"]["main"]["image"] == "."
    assert score["service"]["ports"]["web"] == {"port": 80, "targetPort": 3000}
    assert works(workspace)


def test_a_fly_toml_becomes_a_score_file_and_says_what_it_leaves_out(workspace: Workspace) -> None:
    workspace.write("fly.toml", FLY)
    workspace.write("Dockerfile", "FROM x\n")
    result = workspace.run("init")
    assert "fly.toml has more that was not taken over: statics" in result.out
    score = read(workspace, "score.yaml")
    assert score["metadata"]["name"] == "acme-shop"
    assert score["containers"]["main"]["image"] == "ghcr.io/acme/shop:2"
    assert score["containers"]["main"]["variables"] == {"MODE": "production"}
    assert read(workspace, "scorefly.yaml")["region"] == "cdg"
    assert works(workspace)


def test_a_compose_file_becomes_workloads_and_resources(workspace: Workspace) -> None:
    workspace.write("compose.yaml", COMPOSE)
    workspace.write("web/Dockerfile", "FROM x\n")
    result = workspace.run("init")
    assert result.code == 0, result.err
    web = read(workspace, "web/score.yaml")
    assert web["containers"]["main"]["variables"] == {
        "MODE": "production",
        "GREETING": "${resources.env.GREETING}",
        "LEVEL": "info",
    }
    assert web["resources"] == {"db": {"type": "postgres", "id": "db"}, "env": {"type": "environment"}}
    assert read(workspace, "worker.score.yaml")["containers"]["main"]["args"] == ["bin/work", "--all"]
    assert workspace.run("deploy", "--rehearse", SCOREFLY_VAR_GREETING="hello").code == 0
    assert sorted(workspace.world["apps"]) == ["change-me-db", "change-me-web", "change-me-worker"]


@pytest.mark.parametrize(("name", "text"), [("fly.toml", "app = ["), ("compose.yaml", "services: [\n")])
def test_a_source_that_cannot_be_read_is_an_error_with_its_place(workspace: Workspace, name: str, text: str) -> None:
    workspace.write(name, text)
    result = workspace.run("init")
    assert result.code == 2
    assert f"{name}:" in result.err
    assert "Traceback" not in result.err


def test_a_source_that_is_not_there_is_refused(workspace: Workspace) -> None:
    result = workspace.run("init", "--from", "compose")
    assert (result.code, workspace.tree()) == (2, {})
    assert "there is no compose here (there are: sample)" in result.err


def test_it_asks_at_a_terminal(workspace: Workspace) -> None:
    workspace.write("Dockerfile", "FROM x\n")
    done = at_a_terminal(workspace, "fra\nacme-\nsample\n")
    assert done.returncode == 0, done.stderr
    assert "Region [ams]: " in done.stderr
    assert "Make the Score file from (Dockerfile, sample) [Dockerfile]: " in done.stderr
    project = read(workspace, "scorefly.yaml")
    assert (project["app-prefix"], project["region"]) == ("acme-", "fra")
    assert read(workspace, "score.yaml")["metadata"]["name"] == "hello"


def test_enter_takes_what_is_suggested_and_yes_asks_nothing(workspace: Workspace) -> None:
    assert at_a_terminal(workspace, "\n\n\n").returncode == 0
    assert read(workspace, "scorefly.yaml")["app-prefix"] == "workspace-"
    assert at_a_terminal(workspace, "", "--yes").stderr == ""


def test_a_provisioner_file_is_added_pinned(workspace: Workspace) -> None:
    file = b"- {uri: static://acme/queue, type: queue, outputs: {host: there}}\n"
    with provisioning_server(Reply(body=file), Reply(body=file)) as server:
        result = workspace.run("init", "--provisioners", f"{server.url}/queue.provisioners.yaml")
    assert result.code == 0, result.err
    assert read(workspace, "scorefly.yaml")["provisioners"] == [
        ".scorefly/*.provisioners.yaml",
        f"{server.url}/queue.provisioners.yaml#sha256={hashlib.sha256(file).hexdigest()}",
    ]


def test_a_provisioner_file_that_cannot_be_fetched_leaves_nothing_behind(workspace: Workspace) -> None:
    assert workspace.run("init", "--provisioners", "ftp://a.example/x.yaml").code == 2
    assert workspace.tree() == {}


@pytest.mark.parametrize("command", ["deploy", "plan"])
def test_the_placeholder_prefix_is_refused_outside_rehearsals(workspace: Workspace, command: str) -> None:
    workspace.run("init")
    result = workspace.run(command, FLY_API_TOKEN="fo1_x", SCOREFLY_STATE="file")
    assert result.code == 2
    assert result.problems[0].startswith("scorefly.yaml:4:1: app-prefix is still 'change-me-'")
    assert workspace.run("validate").code == 0
    assert workspace.run(command, "--rehearse").code == 0


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        yield server


@pytest.mark.parametrize(
    ("secrets", "ran", "skipped"),
    [
        ({}, "rehearse", "deploy"),
        ({"FLY_API_TOKEN": "fo1_token"}, "rehearse", "deploy"),
        ({"FLY_API_TOKEN": "fo1_token", "SCOREFLY_STATE_KEY": "k"}, "deploy", "rehearse"),
    ],
)
def test_its_workflow_deploys_once_two_secrets_are_set(
    workspace: Workspace, github: GitHub, secrets: dict[str, str], ran: str, skipped: str
) -> None:
    from cryptography.fernet import Fernet

    given = {name: Fernet.generate_key().decode() if value == "k" else value for name, value in secrets.items()}
    workspace.run("init")
    path = workspace.path / ".github/workflows/scorefly.yml"
    workflow = yaml.safe_load(path.read_text())
    assert [name for name, job in workflow["jobs"].items() if "environment" in job] == ["deploy"]
    jobs = Runner(workspace, github, given).run(str(path), "push", push())
    assert (jobs[ran].result, jobs[skipped].result) == ("success", "skipped"), jobs
    inputs = workflow["jobs"]["deploy"]["steps"][-1]["with"]
    assert "rehearse" not in inputs
