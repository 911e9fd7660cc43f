"""Resources that are taken away, and those nobody asks for any more."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from workspaces import Workspace

CACHE = "redis.default#web.cache"


@pytest.fixture
def cached(workspace: Workspace) -> Workspace:
    workspace.workload("web", "resources: {cache: {type: redis}}\n")
    assert workspace.run("deploy", "--rehearse").code == 0
    assert set(workspace.world["apps"]) == {"web", "web-cache"}
    return workspace


def uids(workspace: Workspace, *options: str) -> list[str]:
    rows = json.loads(workspace.run("resources", "list", "--format", "json", *options).out)
    return [row["uid"] for row in rows if row["provisioned"]]


def test_a_resource_goes_with_its_apps(cached: Workspace) -> None:
    result = cached.run("resources", "deprovision", CACHE, "--yes", "--rehearse")
    assert (result.code, result.out) == (0, f"{CACHE}: deprovisioned\n")
    assert set(cached.world["apps"]) == {"web"}
    assert uids(cached, "--rehearse") == []
    again = cached.run("resources", "deprovision", CACHE, "--yes", "--rehearse")
    assert (again.code, "state has no resource" in again.err) == (2, True)


def test_a_resource_that_is_forgotten_leaves_its_apps_where_they_are(cached: Workspace) -> None:
    result = cached.run("resources", "deprovision", CACHE, "--yes", "--forget", "--rehearse")
    assert (result.code, result.out) == (0, f"{CACHE}: forgotten\n")
    assert set(cached.world["apps"]) == {"web", "web-cache"}


def test_nothing_goes_where_nobody_can_be_asked(cached: Workspace) -> None:
    result = cached.run("resources", "deprovision", CACHE, "--rehearse")
    assert result.code == 2
    assert "used by web, and destroy web-cache? (add --yes: there is no terminal to ask on)" in result.err
    assert set(cached.world["apps"]) == {"web", "web-cache"}


@pytest.mark.parametrize(("answer", "code", "apps"), [("y", 0, {"web"}), ("n", 1, {"web", "web-cache"})])
def test_a_person_at_a_terminal_is_asked(cached: Workspace, answer: str, code: int, apps: set[str]) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "scorefly", "resources", "deprovision", CACHE, "--rehearse"]
    process = subprocess.Popen(command, cwd=cached.path, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.write(ours, f"{answer}\n".encode())
    _, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == code, err
    assert b"[y/N]" in err
    assert set(cached.world["apps"]) == apps


def test_a_resource_that_another_one_needs_stays(workspace: Workspace) -> None:
    workspace.workload(
        "web",
        "resources: {name: {type: dns}, route: {type: route, params: {host: '${resources.name.host}', port: 80}}}\n"
        "service: {ports: {http: {port: 80}}}\n",
    )
    assert workspace.run("generate").code == 0
    result = workspace.run("resources", "deprovision", "dns.default#web.name", "--yes")
    assert result.code == 2
    assert (
        "route.default#web.route needs dns.default#web.name (deprovision route.default#web.route first)" in result.err
    )
    for uid in ("route.default#web.route", "dns.default#web.name"):
        assert workspace.run("resources", "deprovision", uid, "--yes").code == 0


def test_a_provisioner_that_is_not_there_any_more_is_missed(workspace: Workspace) -> None:
    workspace.write(".scorefly/a.provisioners.yaml", "- {uri: cmd://true#mine, type: queue, rehearse: true}\n")
    workspace.write(".scorefly/a.provisioners.yaml", "- {uri: cmd://echo#mine, args: ['{}'], type: queue}\n")
    workspace.workload("web", "resources: {queue: {type: queue}}\n")
    assert workspace.run("generate").code == 0
    (workspace.path / ".scorefly/a.provisioners.yaml").unlink()
    uid = "queue.default#web.queue"
    result = workspace.run("resources", "deprovision", uid, "--yes")
    assert result.code == 2
    assert "was made by cmd://echo#mine, and no entry has that uri" in result.err
    assert workspace.run("resources", "deprovision", uid, "--yes", "--forget").code == 0


def test_the_one_that_made_it_is_asked_to_take_it_away(workspace: Workspace) -> None:
    """Not the one that would make it today."""
    entry = "- {{uri: 'cmd://sh#{name}', type: queue, args: [-c, 'echo \"{name} $SCORE_PROVISIONER_MODE\" >>log; echo {{}}']}}\n"
    workspace.write(".scorefly/b.provisioners.yaml", entry.format(name="old"))
    workspace.workload("web", "resources: {queue: {type: queue}}\n")
    assert workspace.run("generate").code == 0
    workspace.write(".scorefly/a.provisioners.yaml", entry.format(name="new"))
    assert workspace.run("resources", "deprovision", "queue.default#web.queue", "--yes").code == 0
    assert (workspace.path / "log").read_text() == "old provision\nold deprovision\n"


def test_an_orphan_is_told_in_the_log_and_in_the_summary_and_stays(cached: Workspace) -> None:
    cached.workload("web")
    told = f"{CACHE}, provisioned by template://scorefly/redis, is no longer used by any Score file"
    result = cached.run("deploy", "--rehearse")
    assert result.code == 0
    assert f"warning: {told} (`scorefly resources deprovision '{CACHE}'` takes it away with web-cache)" in result.err
    ran = cached.action({"rehearse": "true", "environment": "local"})
    assert told in ran.out
    assert "is no longer used by any Score file" in ran.summary
    assert "web-cache" in cached.world["apps"]
    assert uids(cached, "--rehearse") == [CACHE]


def test_a_run_of_one_score_file_takes_nothing_of_the_others_for_an_orphan(workspace: Workspace) -> None:
    for name in ("web", "worker"):
        workspace.workload(name, "resources: {own: {type: dns}, ours: {type: dns, id: shared}}\n")
    assert workspace.run("generate").code == 0
    assert "is no longer used by any Score file" not in workspace.run("generate", "web.score.yaml").err
    rows = json.loads(workspace.run("resources", "list", "--format", "json", "web.score.yaml").out)
    shared = next(row for row in rows if row["uid"] == "dns.default#shared")
    assert shared["workloads"] == ["web", "worker"]
    workspace.workload("web")
    err = workspace.run("generate", "web.score.yaml").err
    assert "dns.default#web.own, provisioned by template://scorefly/dns, is no longer used by any Score file" in err
    assert "shared" not in err
