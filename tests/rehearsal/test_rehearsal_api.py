"""The rehearsal answers and refuses as Fly does."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from scorefly.rehearsal.server import Rehearsal
from scorefly.rehearsal.world import WorldUnreadable
from workspaces import SHARED


class Client:
    def __init__(self, fly: Rehearsal) -> None:
        self.fly = fly

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        sent = {"Authorization": "Bearer x", **headers}
        answer = requests.request(method, f"{self.fly.url}/v1{path}", json=body, headers=sent, timeout=10)
        return answer.status_code, answer.json() if answer.content else None


@pytest.fixture
def call() -> Iterator[Client]:
    with Rehearsal(None) as fly:
        client = Client(fly)
        client("POST", "/apps", {"name": "web", "org_slug": "personal"})
        yield client


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "blank"),
        ("Web", "lowercase letters"),
        ("a_b", "lowercase letters"),
        ("x" * 64, "too long"),
        ("web", "already been taken"),
        ("taken", "already been taken"),
    ],
)
def test_names_it_does_not_take(call: Client, name: str, words: str) -> None:
    status, body = call("POST", "/apps", {"name": name, "org_slug": "personal"})
    assert (status, words in body["error"]) == (422, True)


@pytest.mark.parametrize(
    ("config", "region", "words"),
    [
        ({}, "", "missing image"),
        ({"image": "rehearsal.invalid/missing:1"}, "", "manifest unknown"),
        ({"image": "x"}, "xyz", "invalid region"),
        ({"image": "x", "guest": {"cpus": 3}}, "", "3 shared CPUs"),
        ({"image": "x", "guest": {"memory_mb": 100}}, "", "in steps of 256"),
        ({"image": "x", "env": {"A": 1}}, "", "must be strings"),
        ({"image": "x", "mounts": [{}, {}]}, "", "only one mount"),
        ({"image": "x", "mounts": [{"volume": "vol_1", "path": "/x"}]}, "", "does not exist"),
        ({"image": "x", "files": [{"guest_path": "/x", "secret_name": "NO"}]}, "", "secret 'NO' for /x does not exist"),
        ({"image": "x", "files": [{"guest_path": "/x", "raw_value": "?"}]}, "", "not base64"),
        ({"image": "x", "files": [{"guest_path": "x"}]}, "", "absolute"),
        ({"image": "x", "services": [{"internal_port": 0}]}, "", "port 0"),
        (
            {"image": "x", "services": [{"internal_port": 1, "ports": [{"port": 80, "handlers": ["ftp"]}]}]},
            "",
            "handler",
        ),
        ({"image": "x", "checks": {"a": {"type": "grpc", "port": 1}}}, "", "tcp or http"),
    ],
)
def test_machines_it_does_not_start(call: Client, config: dict[str, Any], region: str, words: str) -> None:
    status, body = call("POST", "/apps/web/machines", {"config": config, "region": region})
    assert 400 <= status < 500
    assert words in body["error"]


def test_a_volume_is_one_machines_and_never_shrinks(call: Client) -> None:
    assert call("POST", "/apps/web/volumes", {"name": "My-Data", "region": "ams", "size_gb": 1})[0] == 422
    volume = call("POST", "/apps/web/volumes", {"name": "data", "region": "ams", "size_gb": 5})[1]["id"]
    config = {"image": "x", "mounts": [{"volume": volume, "path": "/data"}]}
    assert "in region ams" in call("POST", "/apps/web/machines", {"config": config, "region": "cdg"})[1]["error"]
    assert call("POST", "/apps/web/machines", {"config": config, "region": "ams"})[0] == 200
    assert "attached to machine" in call("POST", "/apps/web/machines", {"config": config, "region": "ams"})[1]["error"]
    assert call("PUT", f"/apps/web/volumes/{volume}/extend", {"size_gb": 4})[0] == 422
    assert call("DELETE", f"/apps/web/volumes/{volume}")[0] == 412


def test_a_lease_keeps_others_out(call: Client) -> None:
    machine = call("POST", "/apps/web/machines", {"config": {"image": "x"}, "lease_ttl": 30})[1]
    path = f"/apps/web/machines/{machine['id']}"
    assert call("POST", path, {"config": {"image": "y"}})[0] == 409
    nonce = {"fly-machine-lease-nonce": machine["nonce"]}
    assert call("POST", f"{path}/lease", None, **nonce)[1]["data"]["nonce"] == machine["nonce"]
    assert call("POST", path, {"config": {"image": "y"}}, **nonce)[1]["config"]["image"] == "y"
    call("DELETE", f"{path}/lease", None, **nonce)
    assert call("POST", path, {"config": {"image": "z"}})[0] == 200


def test_an_app_goes_with_everything_it_has(call: Client) -> None:
    call("POST", "/apps/web/machines", {"config": {"image": "x"}})
    assert call("DELETE", "/apps/web")[0] == 202
    assert call("GET", "/apps/web/machines")[0] == 404
    assert call("GET", "/orgs/personal/machines")[1]["machines"] == []


@pytest.mark.parametrize("header", ["", "Basic x", "Bearer "])
def test_a_token_is_wanted(call: Client, header: str) -> None:
    assert call("GET", "/apps/web", Authorization=header)[0] == 401


@pytest.mark.parametrize("body", [b"{", b"[]", b"1"])
def test_what_is_no_object_is_refused(call: Client, body: bytes) -> None:
    answer = requests.post(f"{call.fly.url}/v1/apps", data=body, headers={"Authorization": "Bearer x"}, timeout=10)
    assert answer.status_code == 400


def test_the_world_lives_on_and_knows_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    with Rehearsal(path) as fly:
        call = Client(fly)
        call("POST", "/apps", {"name": "web", "org_slug": "personal"})
        digest = call("POST", "/apps/web/secrets", {"values": {"A": "canary-value"}})[1]["secrets"][0]["digest"]
    with Rehearsal(path) as fly:
        assert Client(fly)("GET", "/apps/web/secrets")[1]["secrets"][0]["digest"] == digest
    assert "canary" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 2}'])
def test_a_file_that_is_no_world_is_said_to_be_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "world.json").write_text(content)
    with pytest.raises(WorldUnreadable):
        Rehearsal(tmp_path / "world.json")


def test_answers_have_the_published_shapes(call: Client) -> None:
    published = SHARED / "fly" / "machines-openapi.json"
    if not published.is_file():
        pytest.skip("Fly's published API is not here")
    from jsonschema import Draft202012Validator

    document = json.loads(published.read_text())
    call("POST", "/apps/web/secrets", {"values": {"A": "b"}})
    volume = call("POST", "/apps/web/volumes", {"name": "data", "region": "ams", "size_gb": 1})[1]
    config = {
        "image": "x",
        "checks": {"a": {"type": "tcp", "port": 80}},
        "mounts": [{"volume": volume["id"], "path": "/d"}],
    }
    machine = call("POST", "/apps/web/machines", {"config": config, "region": "ams"})[1]
    call("POST", "/apps/web/ip_assignments", {"type": "shared_v4"})
    shapes = {
        "/apps?org_slug=personal": "ListAppsResponse",
        "/apps/web": "App",
        "/apps/web/secrets": "AppSecrets",
        "/apps/web/ip_assignments": "listIPAssignmentsResponse",
        f"/apps/web/machines/{machine['id']}": "Machine",
        "/orgs/personal/machines": "OrgMachinesResponse",
        "/platform/regions": "main.regionResponse",
    }
    for path, name in shapes.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        errors = [error.message for error in Draft202012Validator(schema).iter_errors(call("GET", path)[1])]
        assert errors == [], path
