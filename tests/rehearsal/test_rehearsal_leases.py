"""A lease keeps others from changing a Machine."""

from __future__ import annotations

import pytest

from rehearsing import Client

HEADER = "fly-machine-lease-nonce"


def test_a_machine_may_be_born_with_a_lease(call: Client) -> None:
    machine = call.machine({"image": "x"}, lease_ttl=30)
    path = f"/apps/web/machines/{machine['id']}"
    assert "nonce" not in call("GET", path)[1]
    assert call("POST", path, {"config": {"image": "y"}})[0] == 409
    nonce = {HEADER: machine["nonce"]}
    assert call("POST", path, {"config": {"image": "y"}}, **nonce)[1]["config"]["image"] == "y"
    call("DELETE", f"{path}/lease", None, **nonce)
    assert call("POST", path, {"config": {"image": "z"}})[0] == 200


@pytest.mark.parametrize(
    ("method", "what"),
    [
        ("POST", "/start"),
        ("POST", "/stop"),
        ("POST", "/suspend"),
        ("POST", "/restart"),
        ("POST", "/cordon"),
        ("POST", "/uncordon"),
        ("POST", "/lease"),
        ("DELETE", "/lease"),
        ("DELETE", "?force=true"),
    ],
)
def test_nobody_else_does_anything_to_it(call: Client, method: str, what: str) -> None:
    path = f"/apps/web/machines/{call.machine({'image': 'x'})['id']}"
    nonce = call.made(f"{path}/lease?ttl=60", None)["data"]["nonce"]
    status, body = call(method, path + what)
    assert (status, "lease currently held by" in body["error"]) == (409, True)
    assert call(method, path + what, None, **{HEADER: "another"})[0] == 409
    assert call(method, path + what, None, **{HEADER: nonce})[0] == 200


def test_metadata_can_be_written_all_the_same(call: Client) -> None:
    path = f"/apps/web/machines/{call.machine({'image': 'x'})['id']}"
    call.made(f"{path}/lease?ttl=60", None)
    assert call("POST", f"{path}/metadata/a", {"value": "b"})[0] == 204
    assert call("GET", f"{path}/metadata")[1] == {"a": "b"}
    assert call("DELETE", f"{path}/metadata/a")[0] == 204
    assert call("GET", f"{path}/metadata")[1] == {}


def test_its_holder_renews_it_and_everybody_sees_it(call: Client) -> None:
    path = f"/apps/web/machines/{call.machine({'image': 'x'})['id']}/lease"
    assert call("GET", path)[0] == 404
    first = call.made(f"{path}?ttl=60", None)["data"]
    again = call("POST", f"{path}?ttl=600", None, **{HEADER: first["nonce"]})[1]["data"]
    assert again["nonce"] == first["nonce"]
    assert again["expires_at"] > first["expires_at"]
    assert call("GET", path)[1]["data"] == again


def test_it_ends_when_its_time_is_up(call: Client) -> None:
    path = f"/apps/web/machines/{call.machine({'image': 'x'})['id']}"
    call.made(f"{path}/lease", {"ttl": 0})
    assert call("GET", f"{path}/lease")[0] == 404
    assert call("POST", f"{path}/stop")[0] == 200
    assert call("POST", f"{path}/lease?ttl=soon")[0] == 400
