"""Fly's answers are lost, cut or garbled in whole runs: the app fails, the others go on, the next run converges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flyctl_programs import environment
from scorefly.rehearsal.faults import WORDS, Fault
from scorefly.rehearsal.server import Rehearsal
from scorefly.state.encryption import new_key
from workspaces import Workspace

PUBLIC = "service: {ports: {http: {port: 80, targetPort: 8080}}}\n"
BODY = f"""\
    variables: {{CACHE: "redis://:${{resources.cache.password}}@${{resources.cache.host}}"}}
    volumes: {{/data: {{source: "${{resources.disk}}"}}}}
{PUBLIC}resources: {{cache: {{type: redis}}, disk: {{type: volume}}}}
"""
ADDRESSES, VOLUMES = "/v1/apps/web/ip_assignments", "/v1/apps/web/volumes"


@pytest.mark.parametrize(
    ("path", "kind"), [(ADDRESSES, "cut"), (ADDRESSES, "html"), (VOLUMES, "gzip"), (VOLUMES, "shape")]
)
def test_one_app_fails_and_the_others_are_deployed(workspace: Workspace, tmp_path: Path, path: str, kind: str) -> None:
    workspace.workload("web", BODY)
    workspace.workload("api", PUBLIC)
    with Rehearsal(None, faults=[Fault("POST", path, kind=kind)]) as fly:
        given = environment(tmp_path, fly)
        inputs = {"command": "deploy", "region": "ams", "state": "file", "state-key": new_key()}
        spoilt = workspace.action(inputs, **given)
        assert spoilt.code == 1
        assert "fault" not in spoilt.out + spoilt.err
        assert f"POST {path.removeprefix('/v1')}" in spoilt.out + spoilt.err
        statuses = {app["app"]: app["status"] for app in json.loads(spoilt.outputs["apps"])}
        assert statuses == {"web": "failed", "api": "created", "web-cache": "created"}
        assert "web" in spoilt.summary
        password = fly.received_secrets("web-cache")["REDIS_PASSWORD"]
        again = workspace.action(inputs, **given)
        assert again.code == 0, again.out + again.err
        assert password in fly.received_secrets("web")["CACHE"]
        assert sorted(fly.world.data["apps"]) == ["api", "web", "web-cache"]
        assert len(fly.world.data["apps"]["web"]["addresses"]) == 2


def test_reading_is_repeated(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web", BODY)
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        assert workspace.run("deploy", **given).code == 0
        paths = ("/v1/orgs/*/machines", "/v1/apps/web/secrets", "/v1/apps/web/volumes", "/v1/apps/web/machines")
        fly.faults[:] = [Fault("GET", path, kind=kind) for path, kind in zip(paths * 2, WORDS, strict=True)]
        workspace.workload("web", BODY, image="nginx:1.28")
        result = workspace.run("deploy", **given)
        assert result.code == 0, result.err


def test_an_address_whose_allocation_was_not_answered_is_recorded(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web", PUBLIC)
    with Rehearsal(None, faults=[Fault("POST", ADDRESSES, kind="lost")]) as fly:
        given = environment(tmp_path, fly)
        assert workspace.run("deploy", **given).code == 1
        assert len(fly.world.data["apps"]["web"]["addresses"]) == 1
        assert workspace.run("deploy", **given).code == 0
        workspace.workload("web")
        assert workspace.run("deploy", **given).code == 0
        cleaned = workspace.run("cleanup", "--cleanup", "resources", **given)
        assert cleaned.code == 0
        assert "not given by scorefly" not in cleaned.out
        assert fly.world.data["apps"]["web"]["addresses"] == []


def test_an_address_that_was_not_answered_is_removed_from_an_app_that_is_private_now(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.workload("web", PUBLIC)
    with Rehearsal(None, faults=[Fault("POST", ADDRESSES, kind="lost")]) as fly:
        given = environment(tmp_path, fly)
        assert workspace.run("deploy", **given).code == 1
        workspace.workload("web")
        assert workspace.run("deploy", **given).code == 0
        assert workspace.run("cleanup", "--cleanup", "resources", **given).code == 0
        assert fly.world.data["apps"]["web"]["addresses"] == []
