"""What Fly would refuse is told by `validate`, with the place it comes from, and nothing is written."""

from __future__ import annotations

import pytest

from workspaces import Workspace

APP = "- {uri: template://x, type: thing, apps: {one: {build: {image: 'x:1'}, %s}}}\n"


@pytest.mark.parametrize("command", ["validate", "generate"])
@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            "services: [{internl_port: 1, protocol: tcp, internal_port: 2, ports: [{port: 2}]}]",
            "services[0].internl_port: is not a known key (did you mean 'internal_port'?)",
        ),
        ("vm: [{size: shared-cpu-3x}]", "vm[0].size: there is no size 'shared-cpu-3x' (did you mean 'shared-cpu-8x'?)"),
        ("vm: [3]", "vm[0]: is a whole number, and has to be a table (write [vm])"),
        ("files: [{guest_path: /a, local_path: gone}]", "files[0].local_path: there is no file 'gone'"),
    ],
)
def test_in_an_app_of_a_resource(workspace: Workspace, command: str, more: str, line: str) -> None:
    workspace.write(".scorefly/x.provisioners.yaml", APP % more)
    workspace.workload("web", "resources: {thing: {type: thing}}\n")
    result = workspace.run(command)
    assert result.code == 2
    (problem,) = result.problems
    assert problem.startswith(f".scorefly/x.provisioners.yaml:1:43: fly.toml of web-thing: {line}"), problem
    assert not (workspace.path / ".scorefly/out").exists()


def test_a_name_that_fly_keeps_for_itself_is_a_warning(workspace: Workspace) -> None:
    workspace.workload("web", "    variables:\n      A: b\n      FLY_REGION: ams\n")
    result = workspace.run("validate")
    assert result.code == 0
    assert "warning: web.score.yaml:8:7: fly.toml of web: env.FLY_REGION: begins with FLY_" in result.err


def test_what_an_annotation_asks_for_is_told_at_the_annotation(workspace: Workspace) -> None:
    workspace.write(
        "web.score.yaml",
        """\
        apiVersion: score.dev/v1b1
        metadata:
          name: web
          annotations:
            scorefly/region: amsterdam
            scorefly/release-command: sh -c 'a
            scorefly/strategy: bluegreen
        containers: {main: {image: "nginx:1"}, side: {image: "side:1"}}
        """,
    )
    result = workspace.run("validate")
    assert (result.code, [each.split(" (")[0] for each in result.problems]) == (
        2,
        [
            "web.score.yaml:5:5: fly.toml of web: primary_region: 'amsterdam' is no region",
            "web.score.yaml:6:5: fly.toml of web: deploy.release_command: has a ' that is not closed",
            "web.score.yaml:7:5: fly.toml of web: deploy.strategy: is 'bluegreen', which needs a health check",
        ],
    )


def test_waiting_for_the_health_of_what_has_no_probe_is_told_once(workspace: Workspace) -> None:
    workspace.write(
        "web.score.yaml",
        """\
        apiVersion: score.dev/v1b1
        metadata: {name: web}
        containers:
          main: {image: "nginx:1"}
          side: {image: "side:1", before: {main: {ready: healthy}}}
        """,
    )
    result = workspace.run("validate")
    (line,) = [each for each in result.err.splitlines() if "healthy" in each]
    assert line.startswith("warning: web.score.yaml:5:36: machine.json of web: containers[0].depends_on[0].condition")
