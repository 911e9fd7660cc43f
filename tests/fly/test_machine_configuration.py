"""The rehearsal's Machines beside those that the real flyctl makes of the same fly.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flyctl_programs import FLYCTL, environment
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

SCORE = """\
apiVersion: score.dev/v1b1
metadata:
  name: web
  annotations:
    scorefly/restart-policy: on-failure
    scorefly/restart-retries: "5"
    scorefly/kill-signal: SIGHUP
    scorefly/kill-timeout: 90s
    scorefly/swap-size-mb: "512"
    scorefly/statics: /app/public=/public
    scorefly/metrics-port: "9091"
    scorefly/metrics-path: /metrics
    scorefly/min-running: "1"
    scorefly/auto-stop: stop
    scorefly/concurrency: '{"type": "requests", "soft_limit": 20, "hard_limit": 25}'
    scorefly/release-command: bin/migrate --all
    scorefly/volume-snapshot-retention: "14"
    scorefly/memory: 512mb
containers:
  main:
    image: nginx:1.27
    command: [/bin/web]
    args: [--serve]
    variables: {COLOUR: blue}
    files: {/etc/web.conf: {content: hello}}
    volumes: {/data: {source: "${resources.disk}"}}
    readinessProbe: {httpGet: {port: 8080, path: /ready}}
    livenessProbe: {httpGet: {port: 8080, path: /live, httpHeaders: [{name: X-Probe, value: "1"}]}}
service:
  ports: {http: {port: 80, targetPort: 8080}}
resources:
  disk: {type: volume}
"""
# What flyctl knows of itself and of its releases, and what differs with the environment and its state.
_OWN = ("fly_flyctl_version", "fly_release_id", "fly_release_version", "scorefly_owner", "scorefly_state")


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration without nulls and what differs in each run."""
    metadata = {key: value for key, value in config["metadata"].items() if key not in _OWN}
    mounts = [{**each, "volume": ""} for each in config.get("mounts", ())]
    found: dict[str, Any] = without_nulls({**config, "metadata": metadata, "mounts": mounts})
    return found


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each not in (None, {}, [])}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


@pytest.mark.skipif(not FLYCTL, reason="SCOREFLY_TEST_FLYCTL names no flyctl")
def test_every_field_is_what_flyctl_makes_of_it(workspace: Workspace, tmp_path: Path) -> None:
    workspace.write("score.yaml", SCORE)
    for text in (SCORE, SCORE.replace("COLOUR: blue", "COLOUR: red")):
        workspace.write("score.yaml", text)
        assert workspace.run("deploy", "--rehearse", "--region", "ams", "--ha", "false").code == 0
    (rehearsed,) = workspace.world["apps"]["web"]["machines"].values()
    with Rehearsal(None) as fly:
        for text in (SCORE, SCORE.replace("COLOUR: blue", "COLOUR: red")):
            workspace.write("score.yaml", text)
            result = workspace.run(
                "deploy", "--region", "ams", "--ha", "false", "--environment", "real", **environment(tmp_path, fly)
            )
            assert result.code == 0, result.err
        (real,) = fly.world.data["apps"]["web"]["machines"].values()
        (released, _) = (each for each in fly.world.gone("web").values() if each["config"].get("auto_destroy"))
    assert plain(rehearsed["config"]) == plain(real["config"])
    assert released["config"]["init"]["cmd"] == ["bin/migrate", "--all"]


@pytest.mark.skipif(not FLYCTL, reason="SCOREFLY_TEST_FLYCTL names no flyctl")
def test_standby_is_what_flyctl_makes_of_it(workspace: Workspace, tmp_path: Path) -> None:
    """Once when it is created, and once when it is updated."""
    found: list[list[dict[str, Any]]] = []
    for variables in ("{A: b}", "{A: c}"):
        workspace.workload("web", f"    variables: {variables}\n")
        assert workspace.run("deploy", "--rehearse", "--region", "ams").code == 0
        found.append([standby(workspace.world)])
    with Rehearsal(None) as fly:
        for variables, rehearsed in zip(("{A: b}", "{A: c}"), found, strict=True):
            workspace.workload("web", f"    variables: {variables}\n")
            given = environment(tmp_path, fly)
            result = workspace.run("deploy", "--region", "ams", "--environment", "real", **given)
            assert result.code == 0, result.err
            rehearsed.append(standby(fly.world.data))
    for one, other in found:
        assert one == other


def standby(world: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of the one standby, with its Machine's id replaced."""
    machines = world["apps"]["web"]["machines"].values()
    (config,) = (each["config"] for each in machines if each["config"].get("standbys"))
    (of,) = config["standbys"]
    assert of in world["apps"]["web"]["machines"]
    found = plain(config)
    return {**found, "standbys": ["M"], "env": {key: value.replace(of, "M") for key, value in found["env"].items()}}
