"""A failed deploy: how the Machine ended, the last lines of the log, what still runs, and where to look."""

from __future__ import annotations

from pathlib import Path

from flyctl_programs import environment
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

CRASHING = "rehearsal.invalid/crashing"


def test_a_crashing_app_shows_its_exit_log_and_what_still_runs(workspace: Workspace) -> None:
    workspace.workload("web", image="nginx:1.26", file="apps/web.score.yaml")
    assert workspace.run("deploy", "--rehearse", "--ha", "false").code == 0
    workspace.workload("web", image=CRASHING, file="apps/web.score.yaml")
    result = workspace.run("deploy", "--rehearse", "--ha", "false")
    assert result.code == 1
    (machine,) = workspace.world["apps"]["web"]["machines"]
    assert "web failed:\n" in result.out
    assert f"  Machine {machine} exited with 1, after 10 restarts at 20" in result.out
    assert "    Main child exited normally with code: 1\n" in result.out
    assert "  still running: nothing\n" in result.out
    assert "fly.io/apps/web/monitoring\n" not in result.out
    assert "apps/web.score.yaml:1:1: web keeps crashing" in result.err


def test_the_summary_has_the_details_and_the_annotation_is_on_the_score_file(workspace: Workspace) -> None:
    workspace.workload("web", image=CRASHING)
    result = workspace.action({"rehearse": "true", "state": "file"})
    assert result.code == 1
    assert "### web failed\n\n- Machine " in result.summary
    assert "Last lines of its log" in result.summary
    assert "::error file=web.score.yaml,line=1,col=1,title=scorefly%3A error::web keeps crashing" in result.out
    assert result.out.count("web keeps crashing") == 1


def test_a_failed_deploy_of_flyctl_has_its_last_output_and_the_dashboard(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web", image="nginx:1.26")
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        assert workspace.run("deploy", "--region", "ams", **given).code == 0
        workspace.workload("web", image="rehearsal.invalid/missing")
        result = workspace.run("deploy", "--region", "ams", **given)
    assert result.code == 1
    assert " of nginx:1.26 in ams\n" in result.out
    assert "  see https://fly.io/apps/web/monitoring\n" in result.out


def test_details_of_a_failure_hide_secrets(workspace: Workspace, tmp_path: Path) -> None:
    canary = "canary-0a1b2c3d4e"
    body = '    variables: {P: "${resources.key.value}"}\nresources: {key: {type: secret, params: {name: KEY}}}\n'
    workspace.workload("web", body, image="nginx:1.26")
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        secrets = ("--secrets", f'{{"KEY": "{canary}"}}')
        assert workspace.run("deploy", "--region", "ams", *secrets, **given).code == 0
        for machine in fly.world.data["apps"]["web"]["machines"].values():
            machine["log"] = [("2999-01-01T00:00:00Z", f"cannot connect with {canary}\x1b[0m")]
        workspace.workload("web", body, image="rehearsal.invalid/missing")
        result = workspace.run("deploy", "--region", "ams", *secrets, **given)
    assert result.code == 1
    assert "    cannot connect with ***\\x1b[0m\n" in result.out
    assert canary not in result.out + result.err
