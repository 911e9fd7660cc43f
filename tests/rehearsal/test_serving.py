"""`scorefly rehearsal serve`, and the calls beside the Machines API."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from scorefly.rehearsal.server import Rehearsal


@contextmanager
def serving(*options: str) -> Iterator[str]:
    command = [sys.executable, "-m", "scorefly", "rehearsal", "serve", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    yield re.sub(r"export FLY_API_BASE_URL=(\S+)\n", r"\1", line)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_it_serves_until_it_is_told_to_end_and_keeps_its_world(tmp_path: Path) -> None:
    headers = {"Authorization": "Bearer x"}
    for expected in (201, 422):
        with serving("--world", str(tmp_path / "world.json")) as url:
            app = {"name": "web", "org_slug": "personal"}
            assert requests.post(f"{url}/v1/apps", json=app, headers=headers, timeout=10).status_code == expected


def test_it_is_slow_and_fails_as_it_is_told() -> None:
    headers = {"Authorization": "Bearer x"}
    with serving("--latency", "60ms", "--fail", "GET:/v1/platform/*:503:2") as url:
        started = time.monotonic()
        found = [requests.get(f"{url}/v1/platform/regions", headers=headers, timeout=10).status_code for _ in range(3)]
        assert found == [503, 503, 200]
        assert time.monotonic() - started >= 0.18


@pytest.mark.parametrize("option", [("--latency", "soon"), ("--fail", "GET:nowhere:503"), ("--fail", "GET:/:200")])
def test_what_it_cannot_do_is_a_problem(option: tuple[str, str]) -> None:
    command = [sys.executable, "-m", "scorefly", "rehearsal", "serve", *option]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr.startswith(f"{option[0]}:1:1: ")) == (2, True)


@pytest.fixture
def fly() -> Iterator[Rehearsal]:
    with Rehearsal(None) as rehearsal:
        call(rehearsal, "POST", "/v1/apps", {"name": "web", "org_slug": "acme"})
        yield rehearsal


def call(fly: Rehearsal, method: str, path: str, body: Any = None) -> Any:
    return requests.request(
        method, f"{fly.url}{path}", json=body, headers={"Authorization": "Bearer x"}, timeout=10
    ).json()


def ask(fly: Rehearsal, query: str, **variables: Any) -> Any:
    return call(fly, "POST", "/graphql", {"query": query, "variables": variables})


def test_graphql_knows_apps_organizations_images_and_addresses(fly: Rehearsal) -> None:
    assert (
        ask(fly, "query($name: String!) { appcompact:app(name: $name) { id } }", name="web")["data"]["appcompact"]["id"]
        == "web"
    )
    slugs = [
        each["slug"]
        for each in ask(fly, "{ organizations(admin: false) { nodes { slug } } }")["data"]["organizations"]["nodes"]
    ]
    assert slugs == ["acme", "personal"]
    image = ask(
        fly, "query { app(name: $appName) { id image(ref: $imageRef) { id } } }", appName="web", imageRef="nginx:1"
    )
    assert image["data"]["app"]["image"]["ref"] == "nginx:1"
    ask(
        fly, "mutation { allocateIpAddress(input: $input) { app { id } } }", input={"appId": "web", "type": "shared_v4"}
    )
    assert call(fly, "GET", "/v1/apps/web/ip_assignments")["ips"][0]["shared"]
    assert (
        ask(fly, "{ app(name: $name) { sharedIpAddress } }", name="web")["data"]["app"]["sharedIpAddress"]
        == "203.0.113.254"
    )


def test_graphql_errors_are_answers(fly: Rehearsal) -> None:
    assert "Could not find App" in ask(fly, "{ app(name: $name) { id } }", name="nope")["errors"][0]["message"]
    assert "does not know this query" in ask(fly, "{ weather }")["errors"][0]["message"]
    missing = ask(
        fly, "{ app(name: $appName) { image(ref: $ref) { id } } }", appName="web", ref="rehearsal.invalid/missing:1"
    )
    assert missing["data"]["app"]["image"] is None


def test_releases_count_up_and_keep_what_they_released(fly: Rehearsal) -> None:
    first = call(fly, "POST", "/api/v1/releases", {"app_name": "web", "definition": {"a": 1}, "image": "x"})["release"]
    second = call(fly, "POST", "/api/v1/releases", {"app_name": "web", "definition": {"a": 2}})["release"]
    call(fly, "PATCH", f"/api/v1/releases/{second['id']}", {"status": "complete"})
    found = call(fly, "GET", "/api/v1/apps/web/releases?limit=20")["releases"]
    assert [(each["version"], each["status"]) for each in found] == [(2, "complete"), (1, "pending")]
    current = ask(fly, "{ app(name: $name) { currentReleaseUnprocessed { configDefinition } } }", name="web")
    assert current["data"]["app"]["currentReleaseUnprocessed"]["configDefinition"] == {"a": 2}
    assert first["version"] == 1
