"""Logs, open and doctor: looking at what runs, and at what a deploy needs."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flyctl_programs import environment
from scorefly.rehearsal.clock import now
from scorefly.rehearsal.server import Rehearsal
from workspaces import HEARING, Workspace

CANARY = "canary-5d1e8a0f"


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """A public web workload and a worker, deployed in a simulation."""
    workspace.workload(
        "web", "service: {ports: {http: {port: 80}}}\nresources: {web: {type: route, params: {port: 80}}}\n"
    )
    workspace.workload("worker")
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 0, result.err
    return workspace


def test_logs_of_a_workload_are_lines_or_objects(shop: Workspace) -> None:
    result = shop.run("logs", "web", "--rehearse")
    assert result.code == 0, result.err
    assert {line.split(" ", 4)[4] for line in result.out.splitlines()} == {"The rehearsal made this Machine"}
    result = shop.run("logs", "web", "--rehearse", "--no-follow", "--format", "json")
    machine, *_ = shop.world["apps"]["web"]["machines"]
    lines = json.loads(result.out)
    assert {line["machine"] for line in lines} == set(shop.world["apps"]["web"]["machines"])
    result = shop.run("logs", "web", "--rehearse", "--no-follow", "--format", "json", "--machine", machine)
    assert [line["machine"] for line in json.loads(result.out)] == [machine]


def test_logs_show_no_secret_and_no_control_character(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web", '    variables: {P: "${resources.db.password}"}\nresources: {db: {type: redis}}\n')
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        result = workspace.run("deploy", "--region", "ams", **given)
        assert result.code == 0, result.err
        password = fly.received_secrets("web")["P"]
        for machine in fly.world.data["apps"]["web"]["machines"].values():
            machine["log"] = [(now(), f"\x1b[31mconnecting with {password}"), (now(), f"token {CANARY}\x9b1m")]
        secrets = json.dumps({"TOKEN": CANARY})
        for options in ((), ("--format", "json")):
            result = workspace.run("logs", "web", "--no-follow", "--secrets", secrets, *options, **given)
            assert result.code == 0, result.err
            assert "connecting with ***" in result.out
            assert "token ***" in result.out
            assert not [text for text in (password, CANARY, "\x1b", "\x9b") if text in result.out]


def test_logs_are_followed_until_an_interrupt(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web")
    with Rehearsal(None) as fly:
        given = {**environment(tmp_path, fly), "HOME": str(tmp_path)}
        assert workspace.run("deploy", "--region", "ams", **given).code == 0
        process = subprocess.Popen(
            [*HEARING, sys.executable, "-m", "scorefly", "logs", "web"],
            cwd=workspace.path,
            env=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        assert "The rehearsal made this Machine" in process.stdout.readline()
        machine = next(iter(fly.world.data["apps"]["web"]["machines"].values()))
        with fly.world.lock:
            machine["log"] = [(now(), "something new")]
        assert any("something new" in process.stdout.readline() for _ in range(20))
        process.send_signal(2)
        _, errors = process.communicate(timeout=30)
        watchdog.cancel()
    assert (process.returncode, errors) == (130, "")


def test_open_prints_the_url(shop: Workspace) -> None:
    assert shop.run("open", "web", "--rehearse").out == "https://web.fly.dev\n"
    assert shop.run("open", "--rehearse").out == "https://web.fly.dev\n"
    result = shop.run("open", "web", "--rehearse", "--format", "json")
    assert json.loads(result.out) == {"workload": "web", "app": "web", "url": "https://web.fly.dev"}
    result = shop.run("open", "worker", "--rehearse")
    assert (result.code, "no URL: nothing is public (add a resource of type route)" in result.err) == (2, True)


def test_commands_about_one_workload_refuse_unknown_names(shop: Workspace) -> None:
    for command in ("logs", "open"):
        result = shop.run(command, "weeb", "--rehearse")
        assert (result.code, "did you mean 'web'?" in result.err) == (2, True)


def checks(workspace: Workspace, *arguments: str, **variables: str) -> dict[str, dict[str, str]]:
    result = workspace.run("doctor", *arguments, "--format", "json", **variables)
    found = json.loads(result.out)
    assert result.code == int(any(check["status"] == "error" for check in found))
    assert all(check["fix"] for check in found if check["status"] != "ok")
    return {check["name"]: check for check in found}


def test_doctor_finds_nothing_wrong_where_a_deploy_works(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web")
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        found = checks(workspace, **given)
        assert workspace.run("deploy", "--region", "ams", **given).code == 0
        after = checks(workspace, **given)
    assert {name: check["status"] for name, check in found.items()} == {
        "flyctl": "ok",
        "fly token": "ok",
        "state": "ok",
        "state key": "warning",
        "git": "warning",
        "github token": "ok",
    }
    assert found["fly token"]["detail"] == "personal token"
    assert after["state"]["detail"] == ".scorefly/state/local.state: readable, 1 app"


def test_doctor_says_what_is_wrong_and_how_to_fix_it(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web")
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        found = checks(workspace, PATH="/nowhere", HOME=str(tmp_path), FLY_FLAPS_BASE_URL=fly.url)
        assert (found["flyctl"]["status"], "install flyctl" in found["flyctl"]["fix"]) == ("error", True)
        assert "fly tokens create org" in found["fly token"]["fix"]
        found = checks(workspace, **{**given, "FLY_API_TOKEN": "expired_x"})
        assert "check fly-api-token" in found["fly token"]["fix"]
        found = checks(workspace, "--org", "other", **{**given, "FLY_API_TOKEN": "org_acme"})
        assert found["fly token"]["status"] == "error"
        assert workspace.run("deploy", "--region", "ams", **given).code == 0
        (workspace.path / ".scorefly/state/local.state").write_text("rubbish")
        assert checks(workspace, **given)["state"]["fix"] == "restore it from a copy"


def test_doctor_of_a_simulation_needs_nothing(workspace: Workspace) -> None:
    result = workspace.run("doctor", "--rehearse", PATH="/nowhere")
    assert (result.code, "error" in result.out) == (0, False), result.out
