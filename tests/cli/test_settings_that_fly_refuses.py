"""Settings that Fly refuses or ignores are said before a deploy; reports show what runs."""

from __future__ import annotations

import json

import pytest

from workspaces import Workspace


def annotated(workspace: Workspace, annotations: dict[str, str], body: str = "") -> None:
    given = json.dumps({f"scorefly/{name}": text for name, text in annotations.items()})
    workspace.write(
        "score.yaml",
        f"apiVersion: score.dev/v1b1\nmetadata:\n  name: web\n  annotations: {given}\n"
        f"containers: {{main: {{image: 'nginx:1.27'}}}}\n{body}",
    )


PUBLIC = "service: {ports: {http: {port: 80}}}\n"


@pytest.mark.parametrize("command", [("validate",), ("plan", "--rehearse"), ("deploy", "--rehearse")])
def test_unknown_regions_are_refused_with_the_list(workspace: Workspace, command: tuple[str, ...]) -> None:
    workspace.workload("web")
    result = workspace.run(*command, "--region", "zzz")
    assert (result.code, "Fly has no region 'zzz'" in result.err, "there are: ams" in result.err) == (2, True, True)
    assert not (workspace.path / ".scorefly/rehearsal/world.json").exists()
    annotated(workspace, {"region": "zzz"})
    assert workspace.run(*command, "score.yaml").problems[0].startswith("score.yaml:4:")


@pytest.mark.parametrize("command", [("plan", "--rehearse"), ("deploy", "--rehearse")])
def test_bluegreen_by_option_needs_a_check_as_by_annotation(workspace: Workspace, command: tuple[str, ...]) -> None:
    workspace.workload("web", PUBLIC)
    result = workspace.run(*command, "--strategy", "bluegreen")
    assert (result.code, "needs a health check" in result.err) == (2, True)
    workspace.workload("web", "    readinessProbe: {httpGet: {port: 80, path: /}}\n" + PUBLIC)
    assert workspace.run(*command, "--strategy", "bluegreen").code == 0


@pytest.mark.parametrize(
    ("annotations", "body", "reason"),
    [
        ({"auto-stop": "stop"}, "", "no port is public"),
        ({"service-db-auto-stop": "stop"}, "service: {ports: {db: {port: 5432}}}\n", "port 'db' is private"),
        ({"readiness-interval": "30s"}, PUBLIC, "there is no readinessProbe"),
        ({"volume-size-gb": "10"}, "", "no container mounts a volume"),
        ({"volume-snapshot-retention": "10"}, "", "no container mounts a volume"),
        ({"auto-stop": "suspend", "swap-size-mb": "512"}, PUBLIC, "no Machine with swap"),
        ({"auto-stop": "suspend", "size": "performance-2x"}, PUBLIC, "up to 2048 MB, this one has 4096"),
        ({"release-command-timeout": "10m"}, "", "there is no release-command"),
    ],
)
def test_annotations_without_effect_are_warned_about(
    workspace: Workspace, annotations: dict[str, str], body: str, reason: str
) -> None:
    annotated(workspace, annotations, body)
    result = workspace.run("validate")
    assert (result.code, result.err.count("has no effect")) == (0, 1), result.err
    assert reason in result.err


def test_reports_show_the_size_and_the_url_of_the_final_fly_toml(workspace: Workspace) -> None:
    annotated(
        workspace,
        {"size": "shared-cpu-1x", "memory": "1gb", "service-web-handlers": "http,tls"},
        "service: {ports: {web: {port: 443, targetPort: 8080}}}\n",
    )
    result = workspace.run("plan", "--rehearse")
    assert "shared-cpu-1x, 1024 MB" in result.out, result.err
    assert "https://web.fly.dev" in result.out


def test_restart_policy_never_and_a_release_command_are_rehearsed(workspace: Workspace) -> None:
    annotated(workspace, {"restart-policy": "never", "release-command": "bin/migrate up", "kill-timeout": "90s"})
    result = workspace.run("deploy", "--rehearse")
    assert result.code == 0, result.err
    configs = [machine["config"] for machine in workspace.world["apps"]["web"]["machines"].values()]
    assert [config["restart"] for config in configs] == [{"policy": "no"}] * 2
    assert [config["stop_config"] for config in configs] == [{"timeout": "1m30s"}] * 2
    annotated(workspace, {"release-command": "sh -c 'exit 3'"})
    result = workspace.run("deploy", "--rehearse")
    assert (result.code, "release command failed" in result.err) == (1, True)


def test_an_image_that_no_registry_has_any_longer_fails_the_rehearsal(workspace: Workspace) -> None:
    workspace.workload("web", image="minio/mc:latest")
    result = workspace.run("deploy", "--rehearse")
    assert (result.code, "could not find image" in result.err) == (1, True)
