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
            "services[0].internl_port: is no known key (did you mean 'internal_port'?)",
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
