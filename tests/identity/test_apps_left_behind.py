"""Apps and data that a deploy leaves behind are named by every deploy until they are removed."""

from __future__ import annotations

import pytest

from workspaces import Result, Workspace

DATABASE = "resources: {db: {type: postgres}}\n"
DISK = '    volumes: {{{path}: {{source: "${{resources.disk}}"}}}}\nresources: {{disk: {{type: volume}}}}\n'


def run(workspace: Workspace, *arguments: str) -> Result:
    result = workspace.run(*arguments, "--rehearse")
    assert result.code == 0, result.out + result.err
    return result


def left_behind(app: str) -> str:
    return f"warning: the app {app} is no longer used by any Score file, and is left as it is"


@pytest.mark.parametrize("options", [(), ("--dry-run",)], ids=["deploy", "dry run"])
def test_app_of_a_renamed_workload_is_named_until_cleanup(workspace: Workspace, options: tuple[str, ...]) -> None:
    workspace.workload("web", file="score.yaml")
    run(workspace, "deploy")
    workspace.workload("site", file="score.yaml")
    for _ in range(2):
        assert f"{left_behind('web')} (`scorefly cleanup` destroys it)" in run(workspace, "deploy", *options).err
    assert "- web (remove)" in run(workspace, "plan").out
    run(workspace, "deploy")
    run(workspace, "cleanup", "--cleanup", "resources")
    assert list(workspace.world["apps"]) == ["site"]
    assert left_behind("web") not in run(workspace, "deploy").err


def test_apps_under_the_former_prefix_are_named_with_their_data(workspace: Workspace) -> None:
    workspace.workload("web", DATABASE)
    run(workspace, "deploy")
    for _ in range(2):
        result = run(workspace, "deploy", "--app-prefix", "acme-")
        assert f"{left_behind('web')} (`scorefly cleanup` destroys it)" in result.err
        data = "with its data (volume data, 1 GB) (`scorefly cleanup --cleanup resources,volumes` destroys"
        assert f"{left_behind('web-db')} {data} it)" in result.err


def test_app_of_an_orphaned_resource_is_named_with_it_only(workspace: Workspace) -> None:
    workspace.workload("web", DATABASE)
    run(workspace, "deploy")
    workspace.workload("web")
    result = run(workspace, "deploy")
    assert "takes it away with web-db" in result.err
    assert "is left as it is" not in result.err


def test_workload_that_a_run_is_not_about_is_not_named(workspace: Workspace) -> None:
    for name in ("web", "api"):
        workspace.workload(name)
    run(workspace, "deploy")
    assert "is left as it is" not in run(workspace, "deploy", "web.score.yaml").err


def test_another_path_of_a_volume_is_named(workspace: Workspace) -> None:
    workspace.workload("web", DISK.format(path="/data"))
    run(workspace, "deploy")
    workspace.workload("web", DISK.format(path="/other"))
    message = "data risk: volume disk of web is mounted at /other from now on, and was at /data"
    for command in ("plan", "deploy"):
        assert message in run(workspace, command).err
    assert "data risk" not in run(workspace, "deploy").err


def test_resource_that_loses_its_app_to_another_provisioner_is_named(workspace: Workspace) -> None:
    workspace.workload("web", DATABASE)
    run(workspace, "deploy")
    outputs = "{host: x, port: 1, name: n, username: u, password: p}"
    workspace.write(".scorefly/own.provisioners.yaml", f"- uri: static://own\n  type: postgres\n  outputs: {outputs}\n")
    message = "stays in app web-db (volume data, 1 GB), and the resource uses no app from now on ("
    assert message in run(workspace, "deploy").err
