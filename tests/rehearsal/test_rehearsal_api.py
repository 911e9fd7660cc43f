"""The rehearsal answers and refuses as Fly does."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from rehearsing import Client
from scorefly.rehearsal.server import Rehearsal
from scorefly.rehearsal.world_file import WorldUnreadable
from workspaces import DATA


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
    volume = call.made("/apps/web/volumes", {"name": "data", "region": "ams", "size_gb": 5})["id"]
    config = {"image": "x", "mounts": [{"volume": volume, "path": "/data"}]}
    assert "in region ams" in call("POST", "/apps/web/machines", {"config": config, "region": "cdg"})[1]["error"]
    assert call("POST", "/apps/web/machines", {"config": config, "region": "ams"})[0] == 200
    assert "attached to machine" in call("POST", "/apps/web/machines", {"config": config, "region": "ams"})[1]["error"]
    assert call("PUT", f"/apps/web/volumes/{volume}/extend", {"size_gb": 4})[0] == 422
    assert call("PUT", f"/apps/web/volumes/{volume}/extend", {"size_gb": 6})[1]["volume"]["size_gb"] == 6
    assert call("DELETE", f"/apps/web/volumes/{volume}")[0] == 412


def test_a_volume_is_attached_while_its_machine_mounts_it(call: Client) -> None:
    volume = call.made("/apps/web/volumes", {"name": "data", "region": "ams", "size_gb": 5})["id"]

    def attached() -> Any:
        return call("GET", f"/apps/web/volumes/{volume}")[1]["attached_machine_id"]

    machine = call.machine({"image": "x", "mounts": [{"volume": volume, "path": "/data"}]}, region="ams")
    assert attached() == machine["id"]
    mount = {"volume": volume, "path": "/data", "name": "data", "size_gb": 5, "encrypted": True}
    assert machine["config"]["mounts"] == [mount]
    call.made(f"/apps/web/machines/{machine['id']}", {"config": {"image": "x"}})
    assert attached() is None
    call.made(f"/apps/web/machines/{machine['id']}", {"config": {"image": "x", "mounts": [mount]}})
    call("DELETE", f"/apps/web/machines/{machine['id']}?force=true")
    assert attached() is None
    # A volume is detached some moments after its Machine was destroyed.
    assert call("DELETE", f"/apps/web/volumes/{volume}")[0] == 412
    assert call("DELETE", f"/apps/web/volumes/{volume}")[1]["id"] == volume
    assert call("GET", "/apps/web/volumes")[1] == []


def test_snapshots_of_a_volume_are_kept_as_long_as_asked(call: Client) -> None:
    volume = call.made("/apps/web/volumes", {"name": "data", "region": "ams"})["id"]
    changed = call("PUT", f"/apps/web/volumes/{volume}", {"snapshot_retention": 9, "auto_backup_enabled": None})[1]
    assert (changed["snapshot_retention"], changed["auto_backup_enabled"]) == (9, True)


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


KEYS = (
    "image", "env", "init", "guest", "metadata", "mounts", "services", "checks", "files", "restart", "containers", "volumes",
    "name", "cmd", "exec", "ports", "handlers", "port", "path", "internal_port", "type", "depends_on", "healthchecks", "http",
    "secrets", "auto_destroy", "raw_value", "guest_path", "config", "lease_ttl", "min_secrets_version", "region", "size_gb",
    "values", "app_role_id", "cpus", "memory_mb", "network", "ttl", "input", "appId", "query", "variables", "definition",
)  # fmt: skip
TEXTS = st.sampled_from(["", "x", "/x", "ams", "web", "tcp", "app(name:", "allocateIpAddress"]) | st.text(max_size=3)
LEAVES = st.none() | st.booleans() | st.integers(-2, 70000) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6)


@given(
    path=st.sampled_from(
        [
            "machines",
            "machines/ID",
            "machines/ID/lease",
            "machines/ID/metadata/a",
            "volumes",
            "secrets",
            "ip_assignments",
        ]
    ),
    body=OBJECTS,
    config=OBJECTS,
)
def test_whatever_is_sent_gets_an_answer(
    nonsense: Client, path: str, body: dict[str, Any], config: dict[str, Any]
) -> None:
    machine = nonsense.machine({"image": "x"})["id"]
    whole = {**body, "config": {"image": "x", **config}}
    assert nonsense("POST", f"/apps/web/{path.replace('ID', machine)}", whole)[0] < 500
    assert nonsense("DELETE", f"/apps/web/machines/{machine}?force=true")[0] in (200, 409)


@given(query=TEXTS, body=OBJECTS)
def test_whatever_is_asked_gets_an_answer(nonsense: Client, query: str, body: dict[str, Any]) -> None:
    assert isinstance(nonsense.beside("POST", "/graphql", {"query": query, "variables": body}), dict)
    assert isinstance(nonsense.beside("POST", "/api/v1/releases", body), dict)
    for path in ("orgs/personal/machines?limit", "apps/web/machines?state", "apps/web/secrets?version"):
        assert nonsense("GET", f"/{path}={quote(query)}")[0] < 500


@pytest.fixture(scope="module")
def nonsense() -> Iterator[Client]:
    """A rehearsal that outlives one example."""
    with Rehearsal(None) as fly:
        client = Client(fly)
        client("POST", "/apps", {"name": "web", "org_slug": "personal"})
        yield client


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


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1}'])
def test_a_file_that_is_no_world_is_said_to_be_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "world.json").write_text(content)
    with pytest.raises(WorldUnreadable):
        Rehearsal(tmp_path / "world.json")


def test_secrets_of_a_version_that_is_not_there_yet_are_refused(call: Client) -> None:
    version = call.made("/apps/web/secrets", {"values": {"A": "b"}})["version"]
    assert call("GET", f"/apps/web/secrets?version={version}")[0] == 200
    assert call("GET", f"/apps/web/secrets?min_version={version + 1}")[0] == 412
    assert call("GET", "/apps/web/secrets?version=x")[0] == 400
    machine = {"config": {"image": "x"}, "min_secrets_version": version + 1}
    assert f"the newest is {version}" in call("POST", "/apps/web/machines", machine)[1]["error"]
    assert call("POST", "/apps/web/machines", {**machine, "min_secrets_version": version})[0] == 200


def test_apps_are_listed_by_organization_and_role(call: Client) -> None:
    call.made("/apps", {"name": "other", "org_slug": "acme"})

    def names(query: str) -> list[str]:
        return [each["name"] for each in call("GET", f"/apps?{query}")[1]["apps"]]

    assert (names("org_slug=personal"), names("org_slug=acme"), names("org_slug=nobody")) == (["web"], ["other"], [])
    assert names("org_slug=personal&app_role=remote-docker-builder") == []


def test_it_has_no_builder_of_images_and_says_so(call: Client) -> None:
    app = {"name": "fly-builder-x", "org_slug": "personal", "app_role_id": "remote-docker-builder"}
    answers = [
        call("POST", "/apps", app)[1]["error"],
        call.beside("POST", "/api/v1/builds/depot_builder", {})["error"],
        call.graphql("mutation { ensureMachineRemoteBuilder(input: $input) { app { name } } }")[0]["message"],
    ]
    assert all("builds no images" in answer for answer in answers)


def test_the_machines_of_an_organization_come_in_pages(call: Client) -> None:
    made = [call.machine({"image": "x", "metadata": {"n": str(number)}})["id"] for number in range(5)]
    call.made(f"/apps/web/machines/{made[0]}", {"config": {"image": "y"}})
    found, cursor = [], ""
    while True:
        page = call("GET", f"/orgs/personal/machines?limit=2&cursor={cursor}")[1]
        found += [each["id"] for each in page["machines"]]
        assert len(page["machines"]) <= 2
        if not (cursor := page["next_cursor"]):
            break
    assert found == [*made[1:], made[0]], "those changed longest ago first"
    assert call("GET", "/orgs/personal/machines?cursor=x")[0] == 400


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"a", "b"}),
        ("?region=cdg", {"b"}),
        ("?state=stopped,suspended", {"b"}),
        ("?metadata.n=1", {"a"}),
        ("?include_deleted=true", {"a", "b", "gone"}),
        ("?include_deleted=true&state=destroyed", {"gone"}),
    ],
)
def test_machines_are_found_by_what_they_are(call: Client, query: str, expected: set[str]) -> None:
    call.machine({"image": "x", "metadata": {"n": "1"}}, name="a", region="ams")
    call.machine({"image": "x", "metadata": {"n": "2"}}, name="b", region="cdg", skip_launch=True)
    gone = call.machine({"image": "x"}, name="gone")
    call("DELETE", f"/apps/web/machines/{gone['id']}?kill=true")
    assert {each["name"] for each in call("GET", f"/apps/web/machines{query}")[1]} == expected


def test_a_name_is_one_machines(call: Client) -> None:
    call.machine({"image": "x"}, name="only")
    assert call("POST", "/apps/web/machines", {"config": {"image": "x"}, "name": "only"})[0] == 409


def test_answers_have_the_published_shapes(call: Client) -> None:
    from jsonschema import Draft202012Validator

    document = json.loads((DATA / "fly/machines-openapi.json").read_text())
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
        f"/apps/web/machines/{machine['id']}/events": "MachineEvent",
    }
    for path, name in shapes.items():
        shape = {"$ref": f"#/components/schemas/{name}"}
        schema = {**({"items": shape} if name == "MachineEvent" else shape), "components": document["components"]}
        errors = [error.message for error in Draft202012Validator(schema).iter_errors(call("GET", path)[1])]
        assert errors == [], path
