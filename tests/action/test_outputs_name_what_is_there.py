"""Outputs, summaries and links name only what is there for the steps and people that use them."""

from __future__ import annotations

import json

import pytest

from workspaces import ActionResult, Workspace

PUBLIC = """\
service: {ports: {web: {port: 80, targetPort: 80}}}
resources:
  site: {type: route, params: {host: a.example, path: /, port: 80}}
"""
USES_WEB = "    variables: {WEB: '${resources.web.hostname}'}\n" + PUBLIC + "  web: {type: service}\n"


def links(result: ActionResult) -> str:
    urls = [app["url"] for app in json.loads(result.outputs["apps"])]
    return f"{urls}{result.outputs['urls']}{result.outputs['url']}{result.summary}"


def test_failed_and_skipped_apps_have_no_address(workspace: Workspace) -> None:
    workspace.workload("web", PUBLIC, image="rehearsal.invalid/crashing:1")
    workspace.workload("api", USES_WEB)
    result = workspace.action({"rehearse": "true"})
    assert {app["app"]: app["status"] for app in json.loads(result.outputs["apps"])} == {
        "web": "failed",
        "api": "skipped",
    }
    assert "https://web" not in links(result)
    assert "https://api" not in links(result)


@pytest.mark.parametrize("command", ["deploy", "plan"])
def test_app_of_somebody_else_has_no_address(workspace: Workspace, command: str) -> None:
    workspace.workload("web", PUBLIC)
    first = workspace.action({"rehearse": "true", "environment": "staging"})
    assert first.outputs["url"] == "https://web.fly.dev"
    result = workspace.action({"rehearse": "true", "command": command})
    assert "belongs to environment" in result.out
    assert "https://web" not in links(result)
    assert "https://api" not in links(result)


@pytest.mark.parametrize("command", ["deploy", "generate", "plan"])
def test_absolute_artefacts_inside_the_workspace_are_relative_in_outputs(workspace: Workspace, command: str) -> None:
    workspace.workload("web")
    inside = str(workspace.path / "made" / "here")
    result = workspace.action({"rehearse": "true", "command": command, "artefacts": inside})
    assert result.code == 0, result.out
    assert result.outputs["artefacts"] == "made/here/production"
    assert json.loads(result.outputs["apps"])[0]["artefact"] == "made/here/production/web"
    assert str(workspace.path) not in json.dumps(result.outputs) + result.summary
    assert (workspace.path / "made/here/production/web/fly.toml").is_file()
