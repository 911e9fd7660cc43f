"""Runs that are killed between two calls: the next one goes on, takes nobody else's app, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from killing import Deadly, environment, killed
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

BODY = """\
    variables: {CACHE: "redis://:${resources.cache.password}@${resources.cache.host}"}
    volumes: {/data: {source: "${resources.disk}"}}
service: {ports: {http: {port: 80, targetPort: 8080}}}
resources: {cache: {type: redis}, disk: {type: volume}}
"""


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
