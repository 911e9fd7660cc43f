"""The image, run as GitHub's runner runs a container action: `make container-test` builds it and names it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from scorefly.rehearsal.server import Rehearsal
from workspaces import REPOSITORY, read_outputs

ENGINE, _, IMAGE = os.environ.get("SCOREFLY_TEST_IMAGE", "").partition(" ")
pytestmark = pytest.mark.skipif(not IMAGE, reason="SCOREFLY_TEST_IMAGE names no image: make container-test builds one")

OWNER = 1001  # as on GitHub's own runners
SECRET = "s3cret <value> of & 100%"
SCORE = """\
apiVersion: score.dev/v1b1
metadata: {name: web}
service: {ports: {http: {port: 80, targetPort: 8080}}}
containers:
  main:
    image: nginx:1.27
    variables: {TOKEN: "${resources.token.value}", CACHE: "${resources.cache.password}"}
    readinessProbe: {httpGet: {path: /, port: 8080}}
resources:
  token: {type: secret, params: {name: TOKEN}}
  cache: {type: redis}
"""


@dataclass(frozen=True)
class Step:
    """A finished step."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str


@dataclass(frozen=True)
class Runner:
    """What a runner keeps for a job: the workspace, and the folders it mounts beside it."""

    folder: Path

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def step(self, inputs: dict[str, str], **variables: str) -> Step:
        """Runs the Action as a step with these inputs."""
        commands = self.folder / "file_commands"
        for name in ("output", "summary", "env", "path", "state"):
            (commands / name).write_text("")
        environment = {**self._variables(), **self._inputs(inputs), **variables}
        mounts = {
            self.workspace: "/github/workspace",
            self.folder / "home": "/github/home",
            self.folder / "workflow": "/github/workflow",
            commands: "/github/file_commands",
        }
        done = subprocess.run(
            _docker(environment, mounts) if ENGINE == "docker" else _buildah(environment, mounts),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return Step(
            done.returncode,
            done.stdout,
            read_outputs((commands / "output").read_text()),
            (commands / "summary").read_text(),
        )

    @staticmethod
    def _inputs(given: dict[str, str]) -> dict[str, str]:
        """The runner sets every input that action.yml defines, to its default or to nothing."""
        definition: dict[str, Any] = yaml.safe_load((REPOSITORY / "action.yml").read_text())
        inputs = {name: each.get("default", "") for name, each in definition["inputs"].items()}
        inputs = {name: value.replace("${{ github.token }}", "ghs_of-the-job") for name, value in inputs.items()}
        return {f"INPUT_{name.upper()}": value for name, value in (inputs | given).items()}

    @staticmethod
    def _variables() -> dict[str, str]:
        files = {
            "GITHUB_OUTPUT": "output",
            "GITHUB_STEP_SUMMARY": "summary",
            "GITHUB_ENV": "env",
            "GITHUB_PATH": "path",
            "GITHUB_STATE": "state",
        }
        return {
            **{name: f"/github/file_commands/{file}" for name, file in files.items()},
            "CI": "true",
            "HOME": "/github/home",
            "GITHUB_ACTION": "__scorefly",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": "octocat",
            "GITHUB_API_URL": "https://api.github.com",
            "GITHUB_BASE_REF": "",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_EVENT_PATH": "/github/workflow/event.json",
            "GITHUB_GRAPHQL_URL": "https://api.github.com/graphql",
            "GITHUB_HEAD_REF": "",
            "GITHUB_JOB": "deploy",
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REF_NAME": "main",
            "GITHUB_REF_TYPE": "branch",
            "GITHUB_REPOSITORY": "octocat/shop",
            "GITHUB_REPOSITORY_OWNER": "octocat",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": "7",
            "GITHUB_RUN_NUMBER": "1",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_SHA": "ffac537e6cbbf934b08745a378932722df287a53",
            "GITHUB_WORKFLOW": "deploy",
            "GITHUB_WORKSPACE": "/github/workspace",
            "RUNNER_ARCH": "X64",
            "RUNNER_ENVIRONMENT": "github-hosted",
            "RUNNER_NAME": "one",
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": "/home/runner/work/_temp",
            "RUNNER_TOOL_CACHE": "/opt/hostedtoolcache",
            "RUNNER_WORKSPACE": "/home/runner/work/shop",
        }


def _docker(environment: dict[str, str], mounts: dict[Path, str]) -> list[str]:
    volumes = [f"--volume={here}:{there}" for here, there in mounts.items()]
    variables = [f"--env={name}={value}" for name, value in environment.items()]
    return ["docker", "run", "--rm", "--network=host", "--workdir=/github/workspace", *variables, *volumes, IMAGE]


def _buildah(environment: dict[str, str], mounts: dict[Path, str]) -> list[str]:
    """buildah runs a command in a container, and has no word for its entry point."""
    inspected = subprocess.run(
        ["buildah", "inspect", "--type=image", IMAGE], capture_output=True, text=True, check=True
    )
    entry: list[str] = json.loads(inspected.stdout)["OCIv1"]["config"]["Entrypoint"]
    volumes = [f"--volume={here}:{there}" for here, there in mounts.items()]
    variables = [f"--env={name}={value}" for name, value in environment.items()]
    made = subprocess.run(["buildah", "from", IMAGE], capture_output=True, text=True, check=True).stdout.strip()
    flags = ["--isolation=chroot", "--network=host", "--workingdir=/github/workspace"]
    run = ["buildah", "run", *flags, *variables, *volumes, made, "--", *entry]
    script = 'container=$1; shift; "$@"; code=$?; buildah rm "$container" >/dev/null; exit $code'
    return ["sh", "-c", script, "sh", made, *run]


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    for name in ("workspace", "home", "workflow", "file_commands"):
        (tmp_path / name).mkdir()
    (tmp_path / "workflow/event.json").write_text('{"ref": "refs/heads/main"}')
    found = Runner(tmp_path)
    (found.workspace / "score.yaml").write_text(SCORE)
    for path in (found.workspace, found.workspace / "score.yaml"):
        os.chown(path, OWNER, OWNER)
    return found


def test_a_rehearsed_deploy_gives_outputs_a_summary_and_files_of_the_workspaces_owner(runner: Runner) -> None:
    first = runner.step({"rehearse": "true", "secrets": json.dumps({"TOKEN": SECRET})})
    assert first.code == 0, first.log
    assert json.loads(first.outputs["deployed"]) == ["web-cache", "web"]
    assert first.outputs["url"] == "https://web.fly.dev"
    assert "web-cache" in first.summary
    made = [path for path in runner.workspace.rglob("*") if path.name != "score.yaml"]
    assert made
    assert {path.stat().st_uid for path in made} == {OWNER}
    again = runner.step({"rehearse": "true", "secrets": json.dumps({"TOKEN": SECRET})})
    assert again.outputs["changed"] == "false"


def test_every_secret_is_masked_before_and_absent_after(runner: Runner) -> None:
    step = runner.step({"rehearse": "true", "secrets": json.dumps({"TOKEN": SECRET})})
    masked = dict(re.findall(r"^(::add-mask::(.*))$", step.log, re.MULTILINE))
    values = [value.replace("%25", "%") for value in masked.values()]
    assert SECRET in values
    assert "ghs_of-the-job" in values
    assert len(values) >= 3
    said = "\n".join(line for line in step.log.splitlines() if line not in masked)
    assert not [value for value in values if value in said]
    assert not [value for value in values if value in step.summary + json.dumps(step.outputs)]


def test_a_mistake_is_an_annotation_on_its_line(runner: Runner) -> None:
    (runner.workspace / "score.yaml").write_text(SCORE.replace("targetPort: 8080", "targetPort: 0"))
    step = runner.step({"rehearse": "true"})
    assert step.code == 2
    assert "::error file=score.yaml,line=3,col=36," in step.log


def test_it_deploys_with_the_flyctl_inside(runner: Runner) -> None:
    with Rehearsal(None) as fly:
        bases = dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), fly.url)
        step = runner.step(
            {
                "fly-api-token": "fo1_dummy",
                "region": "ams",
                "secrets": json.dumps({"TOKEN": SECRET}),
                "state": "file:.scorefly/state",
                "state-key": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            },
            **bases,
            HTTPS_PROXY="http://127.0.0.1:9",
        )
        assert step.code == 0, step.log
        assert fly.received_secrets("web")["TOKEN"] == SECRET
        assert fly.world.data["apps"]["web"]["machines"]


def test_it_holds_nothing_that_builds(runner: Runner) -> None:
    probe = (
        "import shutil; print([n for n in ('pip', 'pip3', 'gcc', 'make', 'curl', 'wget', 'perl') if shutil.which(n)])"
    )
    (runner.workspace / "probe").write_text(probe)
    mounts = {runner.workspace: "/github/workspace"}
    command = _docker({}, mounts) if ENGINE == "docker" else _buildah({}, mounts)
    assert command[-1] in (IMAGE, "/entrypoint.py")
    command = (
        ["docker", "run", "--rm", "--entrypoint=python3", *command[3:], "/github/workspace/probe"]
        if ENGINE == "docker"
        else [*command[:-1], "/github/workspace/probe"]
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "[]", done.stderr
