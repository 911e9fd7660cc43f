"""`builder: docker`: images built by docker on this machine, with secrets that no command line shows."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flyctl_programs import CALLS, environment
from scorefly.rehearsal.server import Rehearsal
from workspaces import REPOSITORY, Workspace

CANARY = "canary-4711"
TOKEN = "fo1_dummy"


@pytest.fixture
def fly() -> Iterator[Rehearsal]:
    with Rehearsal(None) as rehearsal:
        yield rehearsal


@pytest.fixture
def given(workspace: Workspace, tmp_path: Path, fly: Rehearsal) -> dict[str, str]:
    """The variables of a run with the stand-ins for flyctl and docker."""
    workspace.workload("web", image=".")
    workspace.workload("api", image=".")
    workspace.write("docker/Dockerfile", "FROM scratch AS prod\n")
    build = "{builds: {main: {context: ., dockerfile: docker/Dockerfile, target: prod, args: {A: b c}}}}"
    workspace.write("scorefly.yaml", f"workloads: {{web: {build}, api: {build}}}\nbuilder: docker\n")
    variables = environment(tmp_path, fly)
    program = tmp_path / "bin/docker"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={REPOSITORY / "tests"} exec {sys.executable} {REPOSITORY}/tests/docker_standin.py "$@"\n'
    )
    program.chmod(0o755)
    return {**variables, "HOME": str(tmp_path), "FLY_REGION": "ams"}


def calls(folder: Path) -> list[dict[str, Any]]:
    """The calls of docker, without the question for its version."""
    found = [json.loads(line) for line in (folder / "docker-calls").read_text().splitlines()]
    return [call for call in found if call["argv"] != ["buildx", "version"]]


def test_image_is_built_once_and_deployed_by_digest(
    workspace: Workspace, tmp_path: Path, fly: Rehearsal, given: dict[str, str]
) -> None:
    result = workspace.run("deploy", **given)
    assert result.code == 0, result.err
    login, build = calls(tmp_path)
    assert login["argv"] == ["login", "--username", "x", "--password-stdin", fly.registry_host]
    assert login["stdin"] == TOKEN
    app = build["argv"][build["argv"].index("--tag") + 1].partition("/")[2].partition(":")[0]
    metadata = build["argv"].index("--metadata-file") + 1
    label = f"{fly.registry_host}/{app}:scorefly-"
    assert build["argv"][build["argv"].index("--tag") + 1].startswith(label)
    assert [word for at, word in enumerate(build["argv"]) if at not in (metadata, build["argv"].index("--tag") + 1)] == [
        "buildx", "build", "--platform", "linux/amd64", "--provenance=false", "--push", "--tag",
        "--file", str(workspace.path / "docker/Dockerfile"), "--metadata-file", "--progress", "plain",
        "--target", "prod", "--build-arg", "A=b c", str(workspace.path),
    ]  # fmt: skip
    images = {
        name: {each["config"]["image"] for each in found["machines"].values()}
        for name, found in fly.world.data["apps"].items()
    }
    assert images["web"] == images["api"]
    assert next(iter(images["web"])).startswith(f"{fly.registry_host}/{app}@sha256:")
    assert "--build-only" not in (tmp_path / CALLS).read_text()
    assert "2 unchanged" in workspace.run("deploy", **given).out


def test_build_secret_is_in_its_own_channel_only(
    workspace: Workspace, tmp_path: Path, fly: Rehearsal, given: dict[str, str]
) -> None:
    result = workspace.run("deploy", SCOREFLY_BUILD_SECRETS=f"NPM_TOKEN={CANARY}", **given)
    assert result.code == 0, result.err
    *others, build = calls(tmp_path)
    at = build["argv"].index("--secret") + 1
    assert build["argv"][at] == "id=NPM_TOKEN,env=SCOREFLY_BUILD_SECRET_NPM_TOKEN"
    assert build["environ"].pop("SCOREFLY_BUILD_SECRET_NPM_TOKEN") == CANARY
    assert CANARY not in json.dumps([*others, build]) + (tmp_path / CALLS).read_text()
    assert CANARY not in result.out + result.err
    assert CANARY not in "".join(content.decode("latin-1") for content in workspace.tree().values())
    assert TOKEN not in json.dumps(build)
    assert not Path(build["environ"]["DOCKER_CONFIG"]).exists()


def test_build_secret_of_a_file_is_named_and_never_shown(
    workspace: Workspace, tmp_path: Path, fly: Rehearsal, given: dict[str, str]
) -> None:
    file = workspace.path / "my, npmrc"
    file.write_text(f"//registry/:_authToken={CANARY}\nshort\n")
    workspace.write(".dockerignore", "my, npmrc\n")
    result = workspace.run("deploy", SCOREFLY_BUILD_SECRET_FILES="npmrc=my, npmrc", **given)
    assert result.code == 0, result.err
    build = calls(tmp_path)[-1]
    assert build["argv"][build["argv"].index("--secret") + 1] == f'id=npmrc,"src={file}"'
    assert CANARY not in json.dumps(calls(tmp_path)) + (tmp_path / CALLS).read_text() + result.out + result.err
    workspace.write("docker/Dockerfile", f"FROM scratch AS prod\nRUN FAIL\n# PRINT {file}\n")
    result = workspace.run("deploy", "--build-secret-files", "npmrc=my, npmrc", **given)
    assert (result.code, CANARY in result.out + result.err) == (1, False)
    assert "did not complete successfully: ***" in result.err


@pytest.mark.parametrize(
    ("files", "secrets", "message"),
    [
        ("A=missing", "", "--build-secret-files: missing cannot be read: No such file or directory"),
        ("A=docker", "", "--build-secret-files: docker is not a regular file"),
        ("A=score", "A=b", "--build-secret-files: A is in build-secrets too (remove one of them)"),
        ("A", "", "--build-secret-files: build-secret-files line 1 has no `=`"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "plan"])
def test_unreadable_secret_file_is_refused(
    workspace: Workspace, given: dict[str, str], command: str, files: str, secrets: str, message: str
) -> None:
    workspace.write("score", "x")
    words = [command, *(["--rehearse"] if command == "plan" else []), "--build-secret-files", files]
    result = workspace.run(*words, SCOREFLY_BUILD_SECRETS=secrets)
    assert (result.code, message in result.err) == (2, True), result.err


def test_secret_files_without_docker_are_refused_with_the_way_out(workspace: Workspace, given: dict[str, str]) -> None:
    workspace.write("score", "x")
    result = workspace.run("deploy", "--builder", "depot", "--build-secret-files", "A=score", **given)
    assert (result.code, "--build-secret-files: flyctl takes build secrets on" in result.err) == (2, True)


def test_docker_gets_only_what_it_needs(
    workspace: Workspace, tmp_path: Path, fly: Rehearsal, given: dict[str, str]
) -> None:
    more = {
        "GITHUB_TOKEN": "ghs_canary",
        "DOCKER_HOST": "unix:///x",
        "DOCKER_HUB_USERNAME": "me",
        "DOCKER_HUB_PASSWORD": CANARY,
    }
    result = workspace.run("deploy", **given, **more)
    assert result.code == 0, result.err
    fly_login, hub_login, build = calls(tmp_path)
    assert hub_login["argv"] == ["login", "--username", "me", "--password-stdin"]
    assert (fly_login["stdin"], hub_login["stdin"]) == (TOKEN, CANARY)
    names = set(build["environ"]) - {"PWD", "OLDPWD", "SHLVL", "_", "PYTHONPATH", "LC_CTYPE"}
    assert names == {"PATH", "HOME", "HTTPS_PROXY", "DOCKER_HOST", "DOCKER_CONFIG"}
    assert CANARY not in result.out + result.err


def test_cache_of_github_is_used_where_the_workflow_hands_it_on(
    workspace: Workspace, tmp_path: Path, given: dict[str, str]
) -> None:
    cache = {"ACTIONS_RUNTIME_TOKEN": CANARY, "ACTIONS_RESULTS_URL": "https://results.example/"}
    assert workspace.run("deploy", **given, **cache).code == 0
    build = calls(tmp_path)[-1]
    words = [word for word in build["argv"] if word.startswith("type=gha")]
    assert [word.rpartition(",")[0] for word in words] == ["type=gha", "type=gha,mode=max,ignore-error=true"]
    assert build["environ"]["ACTIONS_RUNTIME_TOKEN"] == CANARY
    assert CANARY not in " ".join(build["argv"])


def test_user_keeps_logins_and_gets_none(workspace: Workspace, tmp_path: Path, given: dict[str, str]) -> None:
    config = tmp_path / ".docker/config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"auths": {"ghcr.io": {"auth": "eDp5"}}, "credsStore": "desktop"}))
    (config.parent / "contexts").mkdir()
    before = config.read_text()
    assert workspace.run("deploy", **given).code == 0
    assert config.read_text() == before
    assert sorted(path.name for path in config.parent.iterdir()) == ["config.json", "contexts"]


@pytest.mark.parametrize(
    ("dockerfile", "token", "words"),
    [
        (
            "FROM scratch AS prod\nRUN FAIL\n",
            TOKEN,
            "docker buildx build ended with 1: ERROR: failed to solve: process did not",
        ),
        ("FROM scratch AS prod\n", "refused", "docker cannot log in to "),
    ],
)
def test_failure_of_docker_is_told_without_secrets(
    workspace: Workspace, given: dict[str, str], dockerfile: str, token: str, words: str
) -> None:
    workspace.write("docker/Dockerfile", dockerfile)
    secrets = {"SCOREFLY_BUILD_SECRETS": f"NPM_TOKEN={CANARY}", "FLY_API_TOKEN": token}
    result = workspace.run("deploy", **{**given, **secrets})
    assert result.code == 1
    assert words in result.err
    assert CANARY not in result.out + result.err
    assert "for refused" not in result.out + result.err


def test_missing_docker_is_told_before_anything_is_made(
    workspace: Workspace, tmp_path: Path, fly: Rehearsal, given: dict[str, str]
) -> None:
    (tmp_path / "bin/docker").unlink()
    result = workspace.run("deploy", **{**given, "PATH": str(tmp_path / "bin") + ":/nowhere"})
    assert result.code == 2
    assert "docker" in result.err
    assert fly.world.data["apps"] == {}


def test_buildpacks_need_the_other_builder(workspace: Workspace, given: dict[str, str]) -> None:
    workspace.write("scorefly.yaml", "workloads: {web: {builds: {main: {builder: 'a:1'}}}}\nbuilder: docker\n")
    result = workspace.run("plan", "web.score.yaml", "--rehearse")
    assert result.code == 2
    assert "scorefly.yaml:1:28: docker builds from Dockerfiles, not with buildpacks (set builder: depot" in result.err


def test_build_secrets_without_docker_are_refused_with_the_way_out(workspace: Workspace, given: dict[str, str]) -> None:
    result = workspace.run("deploy", "--builder", "depot", SCOREFLY_BUILD_SECRETS=f"A={CANARY}", **given)
    assert result.code == 2
    assert "flyctl takes build secrets on its command line only" in result.err
    assert "set builder: docker" in result.err
