"""Several containers in a Machine: kept as they were sent, or refused with the place."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from rehearsing import Client

CONTAINERS: list[dict[str, Any]] = [
    {
        "name": "main",
        "image": "nginx:1",
        "entrypoint": ["/start"],
        "env": {"A": "1"},
        "secrets": [{"env_var": "TOKEN", "name": "MAIN_TOKEN"}, {"env_var": "MAIN_TOKEN"}],
        "files": [{"guest_path": "/etc/a", "raw_value": "aGVsbG8=", "mode": 0o600}],
        "depends_on": [{"name": "side", "condition": "healthy"}],
        "restart": {"policy": "always"},
        "mounts": [{"name": "scratch", "path": "/tmp/scratch"}],
        "healthchecks": [
            {"name": "ready", "kind": "readiness", "interval": 5, "http": {"port": 80, "path": "/", "scheme": "http"}},
            {"name": "live", "kind": "liveness", "unhealthy": "stop", "exec": {"command": ["true"]}},
            {"name": "open", "tcp": {"port": 80}},
        ],
    },
    {"name": "side", "image": "redis:7"},
]


def config(where: str = "", value: Any = None) -> dict[str, Any]:
    """A good configuration, but for one thing: `0.depends_on.0.name` is a way through its containers."""
    whole: dict[str, Any] = {
        "image": "nginx:1",
        "containers": copy.deepcopy(CONTAINERS),
        "volumes": [{"name": "scratch", "temp_dir": {"storage_type": "disk", "size_mb": 100}}],
    }
    place: Any = whole["containers"]
    *way, last = where.split(".")
    for step in way:
        place = place[int(step) if step.isdecimal() else step]
    if last:
        place[int(last) if last.isdecimal() else last] = value
    return whole


def test_they_are_kept_as_they_were_sent(call: Client) -> None:
    call.made("/apps/web/secrets", {"values": {"MAIN_TOKEN": "x"}})
    machine = call.machine(config())
    assert machine["config"] == config()
    assert call("GET", f"/apps/web/machines/{machine['id']}")[1]["config"] == config()
    assert call("POST", "/apps/web/machines", {"config": {"containers": [CONTAINERS[1]]}})[0] == 200, "no other image"


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        ("0.name", "", "config.containers: name is required"),
        ("1.name", "main", "'main' is there twice"),
        ("1.image", "", "config.containers.side.image: missing image"),
        ("1.image", "rehearsal.invalid/missing:1", "manifest unknown"),
        ("0.depends_on.0.name", "none", "there is no container 'none'"),
        ("0.depends_on.0.name", "main", "cannot depend on itself"),
        ("0.depends_on.0.condition", "complete", "'complete' is none of started, healthy, exited_successfully"),
        ("1.depends_on", [{"name": "main", "condition": "started"}], "depend on each other"),
        ("0.env", {"A": 1}, "config.containers.main.env: values must be strings"),
        ("0.env", ["A=1"], "it must be an object"),
        ("0.files", {"a": 1}, "it must be a list of objects"),
        ("0.files.0.guest_path", "etc/a", "must be absolute"),
        ("0.files.0.raw_value", "hello!", "is not base64"),
        ("0.files.0.raw_value", 1, "is not base64"),
        ("0.files.0.mode", "rw", "mode of /etc/a"),
        ("0.files.0.secret_name", "NO", "secret 'NO' for /etc/a does not exist"),
        ("0.secrets.0.name", "NO", "secret 'NO' does not exist"),
        ("0.secrets.0.env_var", "MY-TOKEN", "secrets.env_var: 'MY-TOKEN'"),
        ("0.restart.policy", "sometimes", "restart.policy: 'sometimes'"),
        ("0.mounts.0.name", "other", "volume 'other' is not in config.volumes"),
        ("0.mounts.0.path", "tmp", "must be absolute"),
        ("0.healthchecks.0.name", None, "healthchecks: name is required"),
        ("0.healthchecks.1.name", "ready", "'ready' is there twice"),
        ("0.healthchecks.0.kind", "startup", "'startup' is none of readiness, liveness"),
        ("0.healthchecks.0.unhealthy", "restart", "'restart' is none of stop"),
        ("0.healthchecks.0.interval", "5s", "interval: '5s'"),
        ("0.healthchecks.0.http.port", 0, "healthchecks.ready.http: port 0"),
        ("0.healthchecks.0.http.scheme", "ftp", "'ftp' is none of http, https"),
        ("0.healthchecks.0.tcp", {"port": 80}, "needs one of http, tcp, exec"),
        ("0.healthchecks.2.tcp", None, "needs one of http, tcp, exec"),
        ("0.healthchecks.1.exec.command", "true", "command must be a list of strings"),
    ],
)
def test_what_is_wrong_with_one_is_said_with_its_place(call: Client, where: str, value: Any, words: str) -> None:
    call.made("/apps/web/secrets", {"values": {"MAIN_TOKEN": "x"}})
    status, body = call("POST", "/apps/web/machines", {"config": config(where, value)})
    assert 400 <= status < 500
    assert words in body["error"]
    assert call("GET", "/apps/web/machines")[1] == []
