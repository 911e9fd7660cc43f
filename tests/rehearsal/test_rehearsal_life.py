"""What becomes of a Machine: it runs, ends, crashes or stays unhealthy, as its image and its command say."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsing import Client

SERVED: dict[str, Any] = {"services": [{"internal_port": 80, "checks": [{"type": "http"}]}]}


def waits(call: Client, machine: Any, state: str) -> int:
    return call("GET", f"/apps/web/machines/{machine['id']}/wait?state={state}")[0]


def now(call: Client, machine: Any) -> Any:
    return call("GET", f"/apps/web/machines/{machine['id']}")[1]


def does(call: Client, machine: Any, what: str) -> Any:
    return call.made(f"/apps/web/machines/{machine['id']}/{what}", None)


def test_a_machine_runs_until_it_is_told_otherwise(call: Client) -> None:
    machine = call.machine({"image": "registry.fly.io/web:1@sha256:abc", **SERVED})
    assert machine["image_ref"] == {
        "registry": "registry.fly.io", "repository": "web", "tag": "1", "digest": "sha256:abc", "labels": {},
    }  # fmt: skip
    assert [each["status"] for each in machine["checks"]] == ["passing"]
    assert (waits(call, machine, "started"), waits(call, machine, "stopped")) == (200, 408)
    does(call, machine, "stop")
    assert (waits(call, machine, "started"), waits(call, machine, "stopped")) == (408, 200)
    assert [each["status"] for each in now(call, machine)["checks"]] == ["critical"]
    assert does(call, machine, "start") == {"status": "success", "previous_state": "stopped"}
    does(call, machine, "suspend")
    assert now(call, machine)["state"] == "suspended"
    does(call, machine, "restart")
    assert (waits(call, machine, "settled"), now(call, machine)["state"]) == (200, "started")
    kinds = [each["type"] for each in call("GET", f"/apps/web/machines/{machine['id']}/events?limit=3")[1]]
    assert kinds == ["start", "exit", "start"]


def test_one_that_is_not_to_start_waits_stopped(call: Client) -> None:
    machine = call.machine({"image": "x"}, skip_launch=True)
    assert (machine["state"], waits(call, machine, "stopped"), waits(call, machine, "started")) == ("stopped", 200, 408)
    assert [each["type"] for each in machine["events"]] == ["launch"]
    updated = call.made(f"/apps/web/machines/{machine['id']}", {"config": {"image": "y"}, "skip_launch": True})
    assert (updated["state"], updated["instance_id"] == machine["instance_id"]) == ("stopped", False)


@pytest.mark.parametrize("image", ["rehearsal.invalid/unhealthy:1", "rehearsal.invalid/crashing:1"])
@pytest.mark.parametrize("container", [False, True])
def test_an_unhealthy_image_fails_its_checks(call: Client, image: str, container: bool) -> None:
    config: dict[str, Any] = {"image": image}
    if container:
        config = {"image": "x", "containers": [{"name": "a", "image": "x"}, {"name": "b", "image": image}]}
    machine = call.machine({**config, "checks": {"up": {"type": "tcp", "port": 80}}, **SERVED})
    assert [(each["name"], each["status"]) for each in machine["checks"]] == [
        ("up", "critical"),
        ("servicecheck-00-http-80", "critical"),
    ]


def test_a_crashing_image_starts_again_and_again_until_fly_gives_up(call: Client) -> None:
    machine = call.machine({"image": "rehearsal.invalid/crashing:1"})
    assert (waits(call, machine, "started"), machine["state"]) == (200, "stopped")
    request = machine["events"][0]["request"]
    assert (request["exit_event"]["exit_code"], request["exit_event"]["restarting"]) == (1, True)
    assert request["restart_count"] > 1
    said = [each["attributes"]["message"] for each in call.beside("GET", "/api/v1/apps/web/logs")["data"]]
    assert said[-1] == "Main child exited normally with code: 1"


@pytest.mark.parametrize(
    ("init", "image", "code"),
    [
        ({"cmd": ["bin/migrate"]}, "x", 0),
        ({"cmd": ["sh", "-c", "exit 3"]}, "x", 3),
        ({"cmd": ["bin/migrate;", "exit", "7"]}, "x", 7),
        ({"exec": ["false"], "cmd": ["exit", "2"]}, "x", 1),
        ({"entrypoint": ["sh", "-c"], "cmd": ["exit 4"]}, "x", 4),
        ({"cmd": ["say", "no-exit 5"]}, "x", 0),
        ({}, "rehearsal.invalid/crashing:1", 1),
    ],
)
def test_one_that_destroys_itself_ends_as_its_command_says(
    call: Client, init: dict[str, Any], image: str, code: int
) -> None:
    config = {"image": image, "init": init, "auto_destroy": True, "restart": {"policy": "no"}}
    machine = call.machine(config, skip_launch=True)
    does(call, machine, "start")
    assert (waits(call, machine, "started"), waits(call, machine, "destroyed")) == (200, 200)
    found = now(call, machine)
    assert found["state"] == "destroyed"
    assert found["events"][0]["request"]["exit_event"]["exit_code"] == code
    assert call("GET", "/apps/web/machines")[1] == []
    assert call("POST", f"/apps/web/machines/{machine['id']}/start")[0] == 404


def test_a_log_is_read_on_from_where_it_was_left(call: Client) -> None:
    first, second = call.machine({"image": "x"}), call.machine({"image": "x"})
    whole = call.beside("GET", "/api/v1/apps/web/logs")
    assert [each["attributes"]["instance"] for each in whole["data"]] == [first["id"], second["id"]]
    token = whole["meta"]["next_token"]
    assert call.beside("GET", f"/api/v1/apps/web/logs?next_token={token}")["data"] == []
    does(call, first, "stop")
    later = call.beside("GET", f"/api/v1/apps/web/logs?next_token={token}")["data"]
    assert [each["attributes"]["instance"] for each in later] == [first["id"]]
    for query, count in ((f"instance={second['id']}", 1), ("region=ams", 3), ("region=cdg", 0)):
        assert len(call.beside("GET", f"/api/v1/apps/web/logs?{query}")["data"]) == count


def test_a_machine_may_start_out_of_traffic_and_come_into_it(call: Client) -> None:
    machine = call.machine({"image": "x"}, skip_service_registration=True)
    assert machine["cordoned"]
    does(call, machine, "uncordon")
    assert not now(call, machine)["cordoned"]
    does(call, machine, "cordon")
    assert now(call, machine)["cordoned"]
