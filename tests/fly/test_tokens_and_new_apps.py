"""New apps that Fly does not know everywhere yet, and tokens that may do little."""

from __future__ import annotations

from pathlib import Path

import pytest

from flyctl_programs import environment
from scorefly.fly.api import FlyApi
from scorefly.problems import ExternalError
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace


def test_a_new_app_that_is_not_known_yet_is_waited_for(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web")
    with Rehearsal(None) as fly:
        fly.world.new_app_answers = (404, 401)
        result = workspace.run("deploy", "--region", "ams", **environment(tmp_path, fly))
    assert result.code == 0, result.err


def test_a_name_that_is_taken_is_known_by_its_status(workspace: Workspace) -> None:
    with Rehearsal(None) as fly, FlyApi("x", base_url=fly.url) as api:
        with pytest.raises(ExternalError, match="belongs to somebody else"):
            api.create_app("taken-web", "personal")


def test_a_deploy_token_of_one_app_deploys_that_app(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web")
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        assert workspace.run("deploy", "--region", "ams", **given).code == 0
        workspace.workload("web", "    variables: {A: b}\n")
        result = workspace.run("deploy", "--region", "ams", **{**given, "FLY_API_TOKEN": "app_web"})
        assert (result.code, "1 deployed" in result.out) == (0, True), result.err
        workspace.workload("other")
        result = workspace.run("deploy", "--region", "ams", **{**given, "FLY_API_TOKEN": "app_web"})
    assert (result.code, "fly tokens create org" in result.err) == (1, True)


@pytest.mark.parametrize("annotation", ["gpu-kind: l40s", "size: a10"])
def test_gpus_are_refused_with_the_reason(workspace: Workspace, annotation: str) -> None:
    workspace.write(
        "score.yaml",
        "apiVersion: score.dev/v1b1\nmetadata:\n  name: web\n  annotations:\n"
        f"    scorefly/{annotation}\ncontainers: {{main: {{image: nginx}}}}\n",
    )
    result = workspace.run("validate")
    assert (result.code, "no GPUs since August 2026" in result.err) == (2, True)
