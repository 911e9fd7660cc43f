"""Overlays whose values have another shape than fly.toml's are refused with a place."""

from __future__ import annotations

import pytest

from workspaces import Workspace


@pytest.mark.parametrize(
    "overlay",
    [
        "mounts: [x]\n",
        "mounts: [[x]]\n",
        "mounts: [{source: 1, destination: []}]\n",
        "services: [x]\n",
        "services: [{ports: x}]\n",
        "http_service: [1]\n",
        "checks: {a: x}\n",
        "vm: x\n",
        "vm: [{size: [x]}]\n",
        "env: [x]\n",
        "build: {image: [x]}\n",
    ],
)
def test_an_overlay_of_another_shape_is_refused_where_it_stands(workspace: Workspace, overlay: str) -> None:
    body = '    volumes: {/data: {source: "${resources.data}"}}\nresources: {data: {type: volume}}\n'
    workspace.workload("web", body, file="score.yaml")
    workspace.write(".scorefly/overlay.yaml", overlay)
    result = workspace.run("generate")
    assert result.code == 2, result.err
    assert ".scorefly/overlay.yaml:1:" in result.err
    assert "fault" not in result.err


def test_keys_that_flyctl_ignores_are_left_out_with_a_warning(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.write(
        ".scorefly/overlay.toml",
        """\
        processes = []
        [experimental]
        allowed_public_ports = []
        [[services]]
        internal_port = "5432"
        protocol = "tcp"
        script_checks = []
        ports = [{port = "5432"}]
        [[services.tcp_checks]]
        interval = 10000
        restart_limit = 0
        [mount]
        source = "data"
        destination = "/data"
        initial_size = "800gb"
        """,
    )
    result = workspace.run("generate")
    assert result.code == 0, result.err
    for key in ("processes", "experimental.allowed_public_ports", "services[0].script_checks"):
        assert f".scorefly/overlay.toml:1:1: {key} is left out, because flyctl ignores it" in result.err
    toml = workspace.toml("web")
    assert toml["services"] == [
        {"internal_port": 5432, "protocol": "tcp", "ports": [{"port": 5432}], "tcp_checks": [{"interval": "10000ms"}]}
    ]
    assert toml["mounts"] == [{"source": "data", "destination": "/data", "initial_size": "800gb"}]
    assert "experimental" not in toml or not toml["experimental"]


def test_a_misspelt_key_is_an_error(workspace: Workspace) -> None:
    workspace.workload("web")
    workspace.write(".scorefly/overlay.yaml", "deploy: {strategi: rolling}\n")
    result = workspace.run("generate")
    assert result.code == 2
    assert "deploy.strategi is not a known key here (did you mean 'strategy'?)" in result.err
