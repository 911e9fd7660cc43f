"""Deploys through flyctl, against the rehearsal: the one that SCOREFLY_TEST_FLYCTL names, else a stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest

from flyctl_programs import environment
from scorefly.rehearsal.server import Rehearsal
from workspaces import DATA, Workspace

BODY = """\
    variables: {CACHE: "redis://:${resources.cache.password}@${resources.cache.host}"}
    files: {/etc/plain: {content: hello}, /etc/secret: {content: "${resources.cache.password}"}}
    volumes: {/data: {source: "${resources.disk}"}}
    readinessProbe: {httpGet: {port: 8080, path: /}}
service: {ports: {http: {port: 80, targetPort: 8080}}}
resources: {cache: {type: redis}, disk: {type: volume}}
"""


def test_a_first_deploy_an_unchanged_one_and_an_update(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web", BODY)
    with Rehearsal(None) as fly:
        given = environment(tmp_path, fly)
        first = workspace.run("deploy", "--region", "ams", **given)
        assert first.code == 0, first.err
        machine = next(iter(fly.world.data["apps"]["web"]["machines"].values()))["config"]
        assert {each["guest_path"] for each in machine["files"]} == {"/etc/plain", "/etc/secret"}
        assert machine["mounts"][0]["path"] == "/data"
        assert fly.received_secrets("web")["CACHE"].startswith("redis://:")
        fly.requests.clear()
        assert "2 unchanged" in workspace.run("deploy", "--region", "ams", **given).out
        assert len(fly.requests) < 5
        workspace.workload("web", BODY.replace("hello", "changed"))
        assert "1 deployed, 1 unchanged" in workspace.run("deploy", "--region", "ams", **given).out


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("rehearsal.invalid/unhealthy:1", "did not become healthy in time"),
        ("rehearsal.invalid/missing:1", "Fly cannot find the image"),
    ],
)
def test_its_failures_are_explained(workspace: Workspace, tmp_path: Path, image: str, words: str) -> None:
    workspace.workload("web", "    readinessProbe: {httpGet: {port: 80, path: /}}\n    args: []\n", image=image)
    with Rehearsal(None) as fly:
        result = workspace.run("deploy", "--wait-timeout", "3s", **environment(tmp_path, fly))
    assert result.code == 1
    assert words in result.err


@pytest.mark.parametrize("folder", ["", "app/"])
def test_dockerfile_reaches_the_builder(workspace: Workspace, tmp_path: Path, folder: str) -> None:
    workspace.write(f"{folder}Dockerfile", "FROM scratch\n")
    workspace.workload("web", image=".", file=f"{folder}score.yaml")
    with Rehearsal(None) as fly:
        result = workspace.run("deploy", "--region", "ams", **environment(tmp_path, fly))
    assert result.code == 1
    assert "the rehearsal builds no images" in result.out + result.err


def test_every_service_of_a_real_application_is_deployed(workspace: Workspace, tmp_path: Path) -> None:
    for path in (DATA / "score/real/apps/onlineboutique").glob("*.yaml"):
        workspace.write(path.name, path.read_text())
    with Rehearsal(None) as fly:
        result = workspace.run("deploy", "*.yaml", "--region", "ams", **environment(tmp_path, fly))
    assert (result.code, "12 created" in result.out) == (0, True), result.err
