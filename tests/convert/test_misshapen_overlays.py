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
