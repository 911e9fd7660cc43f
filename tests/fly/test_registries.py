"""The digest of a tag, asked of a registry with the token flow."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorefly.fly.registry import Registries, RegistryError, parse_reference
from scorefly.fly.registry_credentials import registry_credentials
from scorefly.rehearsal.server import Rehearsal

USER = {"docker.io": ("somebody", "canary-4711")}


@pytest.fixture
def fly() -> Iterator[Rehearsal]:
    with Rehearsal(None) as rehearsal:
        rehearsal.images.users["somebody"] = "canary-4711"
        yield rehearsal


def kind(registries: Registries, image: str) -> str:
    with pytest.raises(RegistryError) as error:
        registries.digest(image)
    assert "canary" not in error.value.reason
    return error.value.kind


def test_credentials_are_for_limits_and_open_no_private_image(fly: Rehearsal) -> None:
    digest = fly.images.push("acme/web", "1")
    assert Registries(USER, fly.url).digest("acme/web:1") == digest
    assert {user for _, _, user in fly.images.asked} == {""}
    fly.images.private.add("acme/web")
    assert kind(Registries({}, fly.url), "acme/web:1") == "denied"
    assert kind(Registries(USER, fly.url), "acme/web:1") == "denied"


def test_wrong_credentials_do_not_hide_why_a_registry_failed(fly: Rehearsal) -> None:
    fly.images.push("acme/web", "1")
    fly.images.broken = 429
    assert kind(Registries({"docker.io": ("somebody", "wrong")}, fly.url), "acme/web:1") == "unreachable"


def test_flys_own_registry_is_asked_with_the_token(fly: Rehearsal) -> None:
    digest = fly.images.push("web", "1")
    fly.images.private.add("web")
    environ = {"FLY_REGISTRY_HOST": fly.registry_host}
    credentials = registry_credentials(environ, "FlyV1 fm2_x")
    assert credentials == {fly.registry_host: ("x", "fm2_x")}
    assert Registries(credentials, offline=True, own=fly.registry_host).digest(f"{fly.registry_host}/web:1") == digest


def test_offline_client_asks_loopback_only(fly: Rehearsal) -> None:
    fly.images.push("web", "1")
    registries = Registries(offline=True)
    assert not registries.can_ask("nginx")
    assert kind(registries, "nginx") == "unreachable"
    assert registries.can_ask(f"{fly.registry_host}/web:1")


def test_logins_are_read_where_docker_keeps_them(tmp_path: Path) -> None:
    login = base64.b64encode(b"somebody:pass:word").decode()
    auths = {"https://index.docker.io/v1/": {"auth": login}, "ghcr.io": {"auth": login}, "helper.example": {}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    found = registry_credentials({"DOCKER_CONFIG": str(tmp_path)}, "")
    assert found == {"docker.io": ("somebody", "pass:word"), "ghcr.io": ("somebody", "pass:word")}
    environ = {"DOCKER_CONFIG": str(tmp_path), "DOCKER_HUB_USERNAME": "hub", "DOCKER_HUB_PASSWORD": "x"}
    assert registry_credentials(environ, "")["docker.io"] == ("hub", "x")


@pytest.mark.parametrize("content", ["", "[]", '{"auths": []}', '{"auths": {"a": {"auth": "!"}}}', "{"])
def test_damaged_docker_config_is_no_login(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    assert registry_credentials({"DOCKER_CONFIG": str(tmp_path)}, "") == {}


@given(st.text(alphabet="abz09./:@-_ A", max_size=40))
def test_any_text_is_split_without_loss_of_its_digest(image: str) -> None:
    reference = parse_reference(image)
    assert reference.digest == image.partition("@")[2]
    assert reference.registry
