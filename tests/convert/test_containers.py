"""Workloads of several containers, and what only containers have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workspaces import Workspace

SHOP = """\
apiVersion: score.dev/v1b1
metadata: {name: shop}
service: {ports: {web: {port: 80, targetPort: 8080}}}
containers:
  migrate:
    image: shop/migrate:1
    command: [migrate]
    args: [up]
    variables: {DB: "${resources.cache.password}", MODE: once}
    before: {web: {ready: complete}}
  cache:
    image: shop/cache:1
    readinessProbe: {exec: {command: [cache, ping]}}
    livenessProbe: {httpGet: {path: /alive, port: 9000}}
    before: {web: {ready: healthy}}
    resources: {limits: {cpu: "0.5", memory: 200Mi}}
  web:
    image: shop/web:1
    variables: {DB: "x-${resources.cache.password}", PORT: "8080"}
    files:
      /etc/web/plain: {content: hello, mode: "0600"}
      /etc/web/secret: {content: "p=${resources.cache.password}", mode: "0400"}
    readinessProbe: {httpGet: {path: /ready, port: 8080, httpHeaders: [{name: A, value: b}]}}
    resources: {limits: {cpu: "1", memory: 400Mi}}
resources: {cache: {type: redis}}
"""


def machine(workspace: Workspace, app: str = "shop") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((workspace.path / f".scorefly/out/local/{app}/machine.json").read_text())
    return found


def test_each_container_has_all_it_asks_for(workspace: Workspace) -> None:
    workspace.write("score.yaml", SHOP)
    assert workspace.run("generate").code == 0
    toml = workspace.toml("shop")
    assert (toml["machine_config"], toml["container"], toml["build"]) == (
        "machine.json",
        "web",
        {"image": "shop/web:1"},
    )
    assert "env" not in toml
    assert "files" not in toml
    assert [check["path"] for check in toml["http_service"]["checks"]] == ["/ready"]
    assert toml["vm"] == [{"size": "shared-cpu-2x", "memory": "768mb"}]
    migrate, cache, web = machine(workspace)["containers"]
    assert migrate == {
        "name": "migrate",
        "image": "shop/migrate:1",
        "entrypoint": ["migrate"],
        "cmd": ["up"],
        "env": {"MODE": "once"},
        "secrets": [{"env_var": "DB", "name": "MIGRATE_DB"}],
        "restart": {"policy": "on-failure"},
    }
    assert cache["restart"] == {"policy": "always"}
    times = {"interval": 15, "timeout": 5, "grace_period": 10}
    assert cache["healthchecks"] == [
        {"name": "readiness", "kind": "readiness", **times, "exec": {"command": ["cache", "ping"]}},
        {
            "name": "liveness",
            "kind": "liveness",
            **times,
            "http": {"port": 9000, "method": "GET", "path": "/alive", "scheme": "http"},
            "unhealthy": "stop",
        },
    ]
    assert web["depends_on"] == [
        {"name": "migrate", "condition": "exited_successfully"},
        {"name": "cache", "condition": "healthy"},
    ]
    assert web["healthchecks"][0]["http"]["headers"] == [{"name": "A", "values": ["b"]}]
    plain, secret = web["files"]
    assert plain == {"guest_path": "/etc/web/plain", "local_path": "files/web/etc/web/plain", "mode": 0o600}
    assert secret["mode"] == 0o400
    assert web["secrets"] == [{"env_var": "DB", "name": "WEB_DB"}]
    exported = dict(line.split("=", 1) for line in workspace.run("export-secrets", "--app", "shop").out.splitlines())
    assert set(exported) == {"MIGRATE_DB", "WEB_DB", secret["secret_name"]}
    assert exported["WEB_DB"].strip("'") == f"x-{exported['MIGRATE_DB']}".replace("'", "")


def test_one_container_with_a_mode_or_an_exec_probe_is_a_container_too(workspace: Workspace) -> None:
    workspace.workload(
        "web", '    files: {/run.sh: {content: x, mode: "0755"}}\n    livenessProbe: {exec: {command: [a]}}\n'
    )
    assert workspace.run("generate").code == 0
    [container] = machine(workspace, "web")["containers"]
    assert (container["files"][0]["mode"], container["healthchecks"][0]["exec"]) == (0o755, {"command": ["a"]})


def test_a_deploy_runs_them_and_what_is_gone_from_the_file_is_gone_from_the_machine(workspace: Workspace) -> None:
    workspace.write("score.yaml", SHOP)
    assert workspace.run("deploy", "--rehearse").code == 0
    assert "2 unchanged" in workspace.run("deploy", "--rehearse").out
    before = next(iter(workspace.world["apps"]["shop"]["machines"].values()))["config"]["containers"]
    assert [each["name"] for each in before] == ["migrate", "cache", "web"]
    assert before[2]["files"][0]["raw_value"] == "aGVsbG8="
    workspace.write("score.yaml", SHOP.replace(', PORT: "8080"', "").replace("/alive", "/living"))
    assert "1 deployed, 1 unchanged" in workspace.run("deploy", "--rehearse").out
    after = next(iter(workspace.world["apps"]["shop"]["machines"].values()))["config"]["containers"]
    assert "env" not in after[2]
    assert after[1]["healthchecks"][1]["http"]["path"] == "/living"


def test_a_workload_that_has_one_container_again_has_no_other(workspace: Workspace) -> None:
    workspace.write("score.yaml", SHOP)
    assert workspace.run("deploy", "--rehearse").code == 0
    workspace.write(
        "score.yaml",
        "apiVersion: score.dev/v1b1\nmetadata: {name: shop}\ncontainers: {web: {image: 'shop/web:1'}}\n",
    )
    assert workspace.run("deploy", "--rehearse").code == 0
    machines = workspace.world["apps"]["shop"]["machines"].values()
    assert all(not each["config"].get("containers") for each in machines)
    assert not (workspace.path / ".scorefly/out/local/shop/machine.json").exists()


@pytest.mark.parametrize(
    ("annotation", "probe", "front", "warned"),
    [
        ("", "", "one", True),
        ("", "    readinessProbe: {httpGet: {path: /, port: 8080}}\n", "two", False),
        ("  annotations: {scorefly/service-container: two}\n", "", "two", False),
    ],
)
def test_which_container_is_behind_the_service(
    workspace: Workspace, annotation: str, probe: str, front: str, warned: bool
) -> None:
    workspace.write(
        "score.yaml",
        f"apiVersion: score.dev/v1b1\nmetadata:\n  name: web\n{annotation}"
        "service: {ports: {web: {port: 80, targetPort: 8080}}}\n"
        f"containers:\n  one: {{image: a}}\n  two:\n    image: b\n{probe}",
    )
    result = workspace.run("generate")
    assert result.code == 0, result.err
    assert workspace.toml("web")["container"] == front
    assert ("scorefly/service-container" in result.err) == warned


def test_a_volume_of_two_containers_is_one_where_both_mount_it_at_one_path(workspace: Workspace) -> None:
    volumes = "    volumes: {/data: {source: data}}\n"
    text = (
        "apiVersion: score.dev/v1b1\nmetadata: {name: web}\ncontainers:\n"
        f"  one:\n    image: a\n{volumes}  two:\n    image: b\n{volumes}"
    )
    workspace.write("score.yaml", text)
    assert workspace.run("generate").code == 0
    assert [each["destination"] for each in workspace.toml("web")["mounts"]] == ["/data"]
    workspace.write("score.yaml", text[::-1].replace("atad/"[::1], "rehto/", 1)[::-1])
    assert "one volume at most" in workspace.run("generate").err
