"""Runs that are killed between two calls: the next one goes on, takes nobody else's app, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scorefly.rehearsal.server import Rehearsal
from workspaces import REPOSITORY, Workspace

BODY = """\
    variables: {CACHE: "redis://:${resources.cache.password}@${resources.cache.host}"}
    volumes: {/data: {source: "${resources.disk}"}}
service: {ports: {http: {port: 80, targetPort: 8080}}}
resources: {cache: {type: redis}, disk: {type: volume}}
"""

Call = tuple[str, str]


class Deadly(list[Call]):
    """A list of calls that kills a process when the last of them comes; Fly still does what it was asked to."""

    def __init__(self, method: str, path: str, times: int = 1) -> None:
        super().__init__()
        self.deadly, self.times, self.process = (method, path), times, 0

    def append(self, call: Call) -> None:
        super().append(call)
        if call == self.deadly:
            self.times -= 1
            if self.times == 0:
                os.kill(self.process, signal.SIGKILL)


def environment(folder: Path, fly: Rehearsal) -> dict[str, str]:
    folder.mkdir()
    flyctl = folder / "flyctl"
    flyctl.write_text(f'#!/bin/sh\nexec {sys.executable} {REPOSITORY / "tests/flyctl_standin.py"} "$@"\n')
    flyctl.chmod(0o755)
    bases = dict.fromkeys(("FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"), fly.url)
    return {**bases, "PATH": f"{folder}:{os.environ['PATH']}", "FLY_API_TOKEN": "fo1_dummy"}


def killed(workspace: Workspace, fly: Rehearsal, given: dict[str, str], command: str, deadly: Deadly) -> None:
    """Runs a command that does not live to see its end."""
    arguments = [sys.executable, "-m", "scorefly", *command.split()]
    fly.requests = deadly
    with subprocess.Popen(arguments, cwd=workspace.path, env=given, stderr=subprocess.DEVNULL) as process:
        deadly.process = process.pid
        process.wait(timeout=60)
    assert process.returncode == -signal.SIGKILL, list(deadly)
    fly.requests = []


@pytest.mark.parametrize(
    "deadly",
    [
        Deadly("POST", "/v1/apps"),
        Deadly("POST", "/v1/apps", times=2),
        Deadly("POST", "/v1/apps/web/ip_assignments"),
        Deadly("POST", "/v1/apps/web/ip_assignments", times=2),
        Deadly("POST", "/v1/apps/web/secrets"),
    ],
    ids=lambda deadly: f"{deadly.deadly[1]}-{deadly.times}",
)
def test_a_first_deploy(workspace: Workspace, tmp_path: Path, deadly: Deadly) -> None:
    workspace.workload("web", BODY)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        killed(workspace, fly, given, "deploy --max-parallel 1", deadly)
        again = workspace.run("deploy", **given)
        assert again.code == 0, again.err
        apps = fly.world.data["apps"]
        assert sorted(apps) == ["web", "web-cache"]
        assert len(apps["web"]["addresses"]) == 2
        password = fly.received_secrets("web-cache")["REDIS_PASSWORD"]
        assert password in fly.received_secrets("web")["CACHE"]
        assert workspace.run("destroy", "--yes", **given).code == 0
        assert fly.world.data["apps"] == {}


@pytest.mark.parametrize(
    "deadly",
    [
        Deadly("GET", "/v1/orgs/personal/machines"),
        Deadly("DELETE", "/v1/apps/web"),
        Deadly("DELETE", "/v1/apps/web-cache"),
    ],
    ids=lambda deadly: deadly.deadly[1],
)
def test_a_destroy(workspace: Workspace, tmp_path: Path, deadly: Deadly) -> None:
    workspace.workload("web", BODY)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        assert workspace.run("deploy", **given).code == 0
        killed(workspace, fly, given, "destroy --yes", deadly)
        assert workspace.run("destroy", "--yes", **given).code == 0
        assert fly.world.data["apps"] == {}
    left = [path.name for path in (workspace.path / ".scorefly/state").glob("*") if not path.name.endswith("-lock")]
    assert left == []


def test_a_cleanup(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web", BODY)
    with Rehearsal(None) as fly:
        given = environment(tmp_path / "bin", fly)
        assert workspace.run("deploy", **given).code == 0
        workspace.workload("web")
        parts = "cleanup --cleanup secrets,resources,volumes"
        killed(workspace, fly, given, parts, Deadly("DELETE", "/v1/apps/web-cache"))
        assert workspace.run(*parts.split(), **given).code == 0
        assert list(fly.world.data["apps"]) == ["web"]
        assert workspace.run(*parts.split(), **given).out.splitlines()[-1] == "local: 1 unchanged"
