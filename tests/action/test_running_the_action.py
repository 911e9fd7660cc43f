"""The Action, started as GitHub's runner starts it."""

from __future__ import annotations

import json
import re

from workspaces import Workspace

CACHE = '    variables: {CACHE: "redis://:${resources.cache.password}@x"}\nresources: {cache: {type: redis}}\n'


def test_outputs_are_those_of_the_contract(workspace: Workspace) -> None:
    workspace.workload("web", "service: {ports: {http: {port: 80}}}\n")
    result = workspace.action({"rehearse": "true", "environment": "production"})
    assert result.code == 0, result.out
    apps = json.loads(result.outputs["apps"])
    assert isinstance(apps[0].pop("seconds"), float)
    assert apps == [
        {
            "workload": "web",
            "app": "web",
            "status": "created",
            "url": "https://web.fly.dev",
            "image": "nginx:1.27",
            "artefact": ".scorefly/out/production/web",
            "secrets_set": [],
            "secrets_removed": [],
        }
    ]
    rest = {name: value for name, value in result.outputs.items() if name != "apps"}
    assert rest == {
        "environment": "production",
        "urls": '{"web":"https://web.fly.dev"}',
        "url": "https://web.fly.dev",
        "dns_records": "[]",
        "deployed": '["web"]',
        "unchanged": "[]",
        "failed": "[]",
        "drifted": "[]",
        "destroyed": "[]",
        "changed": "true",
        "artefacts": ".scorefly/out/production",
        "plan": "",
        "matrix": '{"include":[]}',
    }


def test_a_second_run_reports_that_nothing_changed(workspace: Workspace) -> None:
    workspace.workload("web", CACHE)
    workspace.action({"rehearse": "true"})
    outputs = workspace.action({"rehearse": "true"}).outputs
    assert (outputs["changed"], outputs["deployed"], outputs["unchanged"]) == ("false", "[]", '["web-cache","web"]')


def test_masks_come_before_anything_else_is_printed(workspace: Workspace) -> None:
    workspace.workload("web")
    secrets = json.dumps({"ONE": "value-of-one", "TWO": "first line\nsecond line"})
    lines = workspace.action({"rehearse": "true", "secrets": secrets, "github-token": "ghs_token"}).out.splitlines()
    masks = [line for line in lines if line.startswith("::add-mask::")]
    assert lines[: len(masks)] == masks
    shown = {line.removeprefix("::add-mask::") for line in masks}
    assert {"value-of-one", "first line", "second line", "ghs_token"} <= shown


def test_what_is_generated_is_masked_with_what_is_made_of_it(workspace: Workspace) -> None:
    workspace.workload("web", CACHE)
    out = workspace.action({"rehearse": "true"}).out
    password = json.loads(
        workspace.run(
            "resources", "outputs", "redis.default#web.cache", "--reveal", "--rehearse", "--environment", "production"
        ).out
    )["password"]
    masked = [line for line in out.splitlines() if line.startswith("::add-mask::")]
    assert f"::add-mask::{password}" in masked
    assert f"::add-mask::redis://:{password}@x" in masked
    assert not [line for line in out.splitlines() if password in line and line not in masked]


def test_a_problem_is_an_annotation_on_its_line(workspace: Workspace) -> None:
    workspace.workload("web", "    nope: 1\n")
    result = workspace.action({"command": "validate"})
    assert result.code == 2
    assert (
        "::error file=web.score.yaml,line=6,col=5,title=scorefly%3A error::containers.main: unknown key 'nope'"
        in result.out
    )
    assert "web.score.yaml:6:5" in result.summary


def test_a_wrong_input_is_an_annotation_without_a_file(workspace: Workspace) -> None:
    workspace.workload("web")
    result = workspace.action({"max-parallel": "0"})
    assert result.code == 2
    assert "::error title=scorefly%3A error::input max-parallel: max-parallel is '0'" in result.out


def test_output_of_a_deploy_stands_between_stop_commands(workspace: Workspace) -> None:
    workspace.workload("web")
    out = workspace.action({"rehearse": "true"}).out
    fenced = re.search(r"::group::deploy of web\n::stop-commands::(\w{48})\n(.*?)::\1::\n::endgroup::", out, re.DOTALL)
    assert fenced is not None
    assert "is healthy" in fenced[2]


def test_a_name_in_a_score_file_cannot_speak_to_the_runner(workspace: Workspace) -> None:
    workspace.write("score.yaml", 'apiVersion: "x\\n::add-mask::a"\nmetadata: {name: "\\n::set-output name=x::y"}\n')
    out = workspace.action({"command": "validate"}).out
    assert {line.split("::")[1].split()[0] for line in out.splitlines() if line.startswith("::")} == {"error"}


def test_the_summary_tells_apps_private_ports_resources_and_no_secret(workspace: Workspace) -> None:
    workspace.workload("web", CACHE.replace("resources:", "service: {ports: {grpc: {port: 9000}}}\nresources:"))
    summary = workspace.action({"rehearse": "true"}).summary
    assert "| web | 🟢 created | <code>nginx:1.27</code> |" in summary
    assert "set <code>CACHE</code>" in summary
    assert "web: port <code>grpc</code> at <code>web.internal:9000</code>" in summary
    assert "```mermaid\ngraph LR" in summary
    assert "redis://" not in summary


def test_a_failed_app_fails_the_step_and_is_reported(workspace: Workspace) -> None:
    workspace.workload("web", image="rehearsal.invalid/crashing:1")
    result = workspace.action({"rehearse": "true"})
    assert (result.code, result.outputs["failed"]) == (1, '["web"]')
    assert "🔴 failed" in result.summary
    assert "::error file=web.score.yaml,line=1,col=1,title=scorefly%3A error::web keeps crashing" in result.out


def test_a_command_nobody_knows_is_told_with_the_nearest(workspace: Workspace) -> None:
    result = workspace.action({"command": "cleanups"})
    assert result.code == 2
    assert "there is no command 'cleanups' (did you mean 'cleanup'?)" in result.out


def test_state_needs_a_key_where_the_disk_is_thrown_away(workspace: Workspace) -> None:
    workspace.workload("web")
    result = workspace.action({"fly-api-token": "x", "state": "file:state"})
    assert result.code == 2
    assert "scorefly state new-key" in result.out
    assert "gh secret set SCOREFLY_STATE_KEY" in result.out
