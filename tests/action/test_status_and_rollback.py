"""`status` and `rollback` in a workflow: outputs and the job summary."""

from __future__ import annotations

import json

from workspaces import ActionResult, Workspace


def plain(markdown: str) -> str:
    """The text of Markdown without its marks."""
    for mark in ("<code>", "</code>", "`", "\\"):
        markdown = markdown.replace(mark, "")
    return markdown


def act(workspace: Workspace, command: str, **inputs: str) -> ActionResult:
    return workspace.action({"command": command, "rehearse": "true", "state": "file", **inputs})


def test_status_is_in_outputs_and_summary(workspace: Workspace) -> None:
    workspace.workload(
        "web", "service: {ports: {http: {port: 80}}}\nresources: {way: {type: route, params: {port: 80}}}\n"
    )
    assert act(workspace, "deploy").code == 0
    result = act(workspace, "status")
    assert result.code == 0, result.out
    assert plain(result.summary).startswith("## Status of production\n")
    assert "| [web](https://web.fly.dev) |  | nginx:1.27 |" in plain(result.summary)
    assert (result.outputs["url"], result.outputs["changed"]) == ("https://web.fly.dev", "false")
    assert [app["image"] for app in json.loads(result.outputs["apps"])] == ["nginx:1.27"]


def test_rollback_is_in_outputs_and_summary_and_status_says_so(workspace: Workspace) -> None:
    for image in ("nginx:1.26", "nginx:1.27"):
        workspace.workload("web", image=image)
        assert act(workspace, "deploy").code == 0
    result = act(workspace, "rollback", workload="web")
    assert result.code == 0, result.out
    assert plain(result.summary).startswith("## Simulated: Rolled back production\n\n1 deployed")
    assert (result.outputs["deployed"], result.outputs["changed"]) == ('["web"]', "true")
    assert [app["image"] for app in json.loads(result.outputs["apps"])] == ["nginx:1.26"]
    assert "- web: rolled back; stays until something else is deployed" in plain(act(workspace, "status").summary)
    result = act(workspace, "deploy")
    assert (result.code, result.outputs["changed"], result.outputs["unchanged"]) == (0, "false", '["web"]')
    assert "web was rolled back, and stays as it is" in result.out


def test_an_unknown_commit_is_an_annotation_of_its_input(workspace: Workspace) -> None:
    workspace.workload("web")
    assert act(workspace, "deploy").code == 0
    result = act(workspace, "rollback", to="deadbeef")
    assert (result.code, "::error title=scorefly%3A error::input to: no release of commit" in result.out) == (2, True)
