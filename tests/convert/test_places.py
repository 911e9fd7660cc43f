"""A place in the generated fly.toml or machine.json leads back to what it was made of."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from scorefly.convert.places import place_of
from scorefly.fly.app import App
from scorefly.fly.check.finding import Finding
from scorefly.score.load import load_workloads
from scorefly.score.workload import Workload

SCORE = """\
apiVersion: score.dev/v1b1
metadata:
  name: web
  annotations:
    scorefly/release-command: migrate
    scorefly/metrics-port: "9091"
service:
  ports:
    http: {port: 80}
containers:
  main:
    image: nginx:1.27
    command: [sh, -c]
    args:
      - one
      - two
    variables:
      A: b
    files:
      /etc/a: {content: x}
    volumes:
      /data: {source: data}
    resources: {requests: {cpu: 100m}}
    livenessProbe: {httpGet: {port: 80, path: /}}
    readinessProbe: {httpGet: {port: 80, path: /}}
  side:
    image: side:1
    before:
      main: {ready: started}
    variables: {S: x}
    volumes: {/other: {source: data}}
"""
CONFIG: dict[str, Any] = {
    "container": "main",
    "files": [{"guest_path": "/etc/a"}, {}, 3],
    "mounts": [{"destination": "/data"}, {"destination": "/other"}],
}
MACHINE: dict[str, Any] = {
    "containers": [
        {
            "name": "main",
            "files": [{"guest_path": "/etc/a"}],
            "depends_on": [{"name": "side"}],
            "healthchecks": [{"name": "readiness"}],
        },
        {"name": "side", "secrets": [{"env_var": "S"}]},
        3,
    ]
}


def line(written: str) -> int:
    return next(number for number, text in enumerate(SCORE.splitlines(), start=1) if written in text)


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Workload:
    folder: Path = tmp_path_factory.mktemp("places")
    (folder / "score.yaml").write_text(SCORE, encoding="utf-8")
    (found,), problems = load_workloads(folder, [PurePosixPath("score.yaml")])
    assert not problems
    return found


APP = App(name="web", owner="web", config=CONFIG, machine=MACHINE, image="nginx:1.27", size="")


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (("app",), "name: web"),
        (("deploy", "release_command"), "release-command"),
        (("metrics", 0, "port"), "metrics-port"),
        (("metrics", 0, "path"), "apiVersion"),
        (("http_service", "internal_port"), "ports:"),
        (("services", 0, "ports", 0, "port"), "ports:"),
        (("build", "image"), "nginx:1.27"),
        (("experimental", "entrypoint", 1), "command: [sh"),
        (("experimental", "cmd", 1), "- two"),
        (("env", "A"), "A: b"),
        (("env", "B"), "variables:"),
        (("files", 0, "guest_path"), "/etc/a"),
        (("files", 1, "guest_path"), "files:"),
        (("files", 2), "files:"),
        (("mounts", 0, "initial_size"), "/data"),
        (("mounts", 1), "/other"),
        (("mounts", "source"), "apiVersion"),
        (("vm", 0, "memory"), "resources:"),
        (("checks", "liveness", "interval"), "livenessProbe:"),
        (("checks", "readiness", "path"), "readinessProbe:"),
        (("http_service", "checks", 0, "path"), "readinessProbe:"),
        (("restart",), "apiVersion"),
        ((), "apiVersion"),
    ],
)
def test_a_path_in_fly_toml_leads_to_its_line(workload: Workload, path: tuple[str | int, ...], written: str) -> None:
    assert place_of(workload, APP, Finding(path, "")).line == line(written)


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (("containers", 0, "image"), "nginx:1.27"),
        (("containers", 0, "cmd", 0), "- one"),
        (("containers", 0, "env", "A"), "A: b"),
        (("containers", 0, "files", 0, "mode"), "/etc/a"),
        (("containers", 0, "healthchecks", 0, "interval"), "readinessProbe:"),
        (("containers", 0, "depends_on", 0, "condition"), "main: {ready"),
        (("containers", 1, "secrets", 0, "name"), "S: x"),
        (("containers", 1, "restart"), "  side:"),
        (("containers", 2), "containers:"),
        (("schedule",), "apiVersion"),
        ((), "apiVersion"),
    ],
)
def test_a_path_in_machine_json_leads_to_its_line(
    workload: Workload, path: tuple[str | int, ...], written: str
) -> None:
    assert place_of(workload, APP, Finding(path, "", document="machine.json")).line == line(written)
