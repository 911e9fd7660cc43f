"""Ports that annotations keep private, and annotations that contradict each other."""

from __future__ import annotations

import json

import pytest

from workspaces import Workspace


def workload(workspace: Workspace, annotations: dict[str, str], body: str) -> None:
    given = json.dumps({f"scorefly/{name}": text for name, text in annotations.items()})
    workspace.write(
        "score.yaml",
        f"apiVersion: score.dev/v1b1\nmetadata:\n  name: web\n  annotations: {given}\n"
        f"containers: {{main: {{image: 'nginx:1.27'}}}}\n{body}",
    )


PORT_80 = "service: {ports: {http: {port: 80, targetPort: 8080}}}\n"


def test_public_false_keeps_port_80_private(workspace: Workspace) -> None:
    workload(workspace, {"service-http-public": "false"}, PORT_80)
    assert workspace.run("deploy", "--rehearse").code == 0
    app = workspace.world["apps"]["web"]
    assert app["addresses"] == []
    assert "http_service" not in workspace.toml("web")


def test_flycast_serves_port_80_where_it_is_private(workspace: Workspace) -> None:
    workload(workspace, {"service-http-public": "false", "flycast": "true"}, PORT_80)
    assert workspace.run("deploy", "--rehearse").code == 0
    assert [each["ip"][:4] for each in workspace.world["apps"]["web"]["addresses"]] == ["fdaa"]
    assert workspace.toml("web")["services"][0]["ports"] == [{"port": 80}]


def test_public_false_leaves_a_service_its_flycast_address(workspace: Workspace) -> None:
    workload(workspace, {"service-smtp-public": "false"}, "service: {ports: {smtp: {port: 25, targetPort: 2525}}}\n")
    workspace.workload("user", '    variables: {MAIL: "${resources.web.name}:25"}\nresources: {web: {type: service}}\n')
    assert workspace.run("generate", "score.yaml", "user.score.yaml").code == 0
    assert workspace.toml("user")["env"]["MAIL"] == "web.flycast:25"


@pytest.mark.parametrize(
    ("annotations", "body"),
    [
        ({"flycast": "true"}, PORT_80),
        ({"flycast": "true", "service-db-public": "true"}, "service: {ports: {db: {port: 5432}}}\n"),
        ({"flycast": "true", "service-db-handlers": "tls"}, "service: {ports: {db: {port: 5432}}}\n"),
        (
            {"flycast": "true"},
            "service: {ports: {db: {port: 81}}}\nresources: {out: {type: route, params: {port: db}}}\n",
        ),
        ({"service-db-public": "false", "service-db-handlers": "tls"}, "service: {ports: {db: {port: 5432}}}\n"),
        ({"service-db-public": "false", "service-db-external-port": "1"}, "service: {ports: {db: {port: 5432}}}\n"),
        (
            {"service-db-public": "false"},
            "service: {ports: {db: {port: 81}}}\nresources: {out: {type: route, params: {port: db}}}\n",
        ),
    ],
)
def test_contradicting_annotations_are_refused_with_their_place(
    workspace: Workspace, annotations: dict[str, str], body: str
) -> None:
    workload(workspace, annotations, body)
    result = workspace.run("validate")
    assert result.code == 2
    assert [line for line in result.problems if line.startswith("score.yaml:4:")], result.err
