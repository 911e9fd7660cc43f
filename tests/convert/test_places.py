"""A place in the generated fly.toml leads back to what it was made of."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from scorefly.convert.places import place_of
from scorefly.fly.app import App
from scorefly.fly.check.finding import Finding
from scorefly.score.load import load_workloads

SCORE = """\
apiVersion: score.dev/v1b1
metadata:
  name: web
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
"""
CONFIG: dict[str, Any] = {"files": [{"guest_path": "/etc/a"}, {}, 3], "mounts": [{"destination": "/data"}]}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("app",), 3),
        (("http_service", "internal_port"), 5),
        (("services", 0, "ports", 0, "port"), 5),
        (("build", "image"), 9),
        (("experimental", "entrypoint", 1), 10),
        (("experimental", "cmd", 1), 13),
        (("env", "A"), 15),
        (("env", "B"), 14),
        (("files", 0, "guest_path"), 17),
        (("files", 1, "guest_path"), 16),
        (("files", 2), 16),
        (("mounts", 0, "initial_size"), 19),
        (("mounts", "source"), 1),
        (("vm", 0, "memory"), 20),
        (("checks", "liveness", "interval"), 21),
        (("checks", "readiness", "path"), 22),
        (("http_service", "checks", 0, "path"), 22),
        (("restart",), 1),
        ((), 1),
    ],
)
def test_a_path_leads_to_its_line(tmp_path: Path, path: tuple[str | int, ...], line: int) -> None:
    (tmp_path / "score.yaml").write_text(SCORE, encoding="utf-8")
    (workload,), problems = load_workloads(tmp_path, [PurePosixPath("score.yaml")])
    assert not problems
    app = App(name="web", owner="web", config=CONFIG, image="x", size="")
    assert place_of(workload, app, Finding(path, "")).line == line
