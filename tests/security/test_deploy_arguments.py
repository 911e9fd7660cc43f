"""`deploy-args` adds to what scorefly decides, and cannot change it."""

from __future__ import annotations

import pytest

from workspaces import Workspace


@pytest.mark.parametrize(
    "arguments",
    [
        ["--app", "prod"],
        ["--app=prod"],
        ["-a", "prod"],
        ["-aprod"],
        ["-ya", "prod"],
        ["--config=/tmp/fly.toml"],
        ["--image=evil:1"],
        ["--access-token=x"],
        ["-t", "x"],
        ["--dockerfile=/etc/passwd"],
        ["--ignorefile=/etc/passwd"],
        ["--file-local=/a=/proc/self/environ"],
        ["--env=A=b"],
        ["--build-secret=A=b"],
        ["--buildpacks-volume=/:/host"],
        ["--local-only"],
        ["--build-only"],
        ["--detach"],
        ["--debug"],
        ["--strategy=immediate"],
        ["--ha=false"],
        ["--regions=ams"],
        ["--process-groups=web"],
        ["--only-machines=1"],
        ["../other"],
        ["--"],
        ["--label", "--app=prod"],
        ["--no-cache", "prod"],
        ["--label"],
        ["--LABEL=x"],
        ["--unknown-flag"],
    ],
)
def test_deploy_args_that_scorefly_decides_are_refused(workspace: Workspace, arguments: list[str]) -> None:
    workspace.workload("web")
    options = [f"--deploy-args={argument}" for argument in arguments]
    result = workspace.run("deploy", "--rehearse", *options)
    assert (result.code, "is not passed to flyctl" in result.err) == (2, True), result.err
    assert not (workspace.path / ".scorefly").exists()


def test_deploy_args_in_project_file_are_refused_with_their_place(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.write("scorefly.yaml", "deploy-args: [--app, prod]\n")
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 2
    assert "scorefly.yaml:1:" in result.err
    assert "use app-prefix and app-suffix" in result.err


@pytest.mark.parametrize(
    "arguments",
    [["--no-cache"], ["--label", "team=shop"], ["--build-target=prod", "--depot=false", "--smoke-checks=false"]],
)
def test_other_flags_are_passed_on(workspace: Workspace, arguments: list[str]) -> None:
    workspace.workload("web")
    result = workspace.run("deploy", "--rehearse", *(f"--deploy-args={argument}" for argument in arguments))
    assert result.code == 0, result.err


def test_changed_deploy_args_deploy_again(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.run("deploy", "--rehearse", "--deploy-args=--no-cache")
    assert "1 unchanged" in workspace.run("deploy", "--rehearse", "--deploy-args=--no-cache").out
    assert "1 deployed" in workspace.run("deploy", "--rehearse", "--deploy-args=--label=a=b").out
