"""`scorefly rehearsal serve`."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests


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


@pytest.mark.parametrize(
    "option",
    [
        ("--latency", "soon"),
        ("--lag", "late"),
        ("--fail", "GET:nowhere:503"),
        ("--fail", "GET:/:200"),
        ("--fail", "GET:/:soft"),
    ],
)
def test_what_it_cannot_do_is_a_problem(option: tuple[str, str]) -> None:
    command = [sys.executable, "-m", "scorefly", "rehearsal", "serve", *option]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr.startswith(f"error: {option[0]}: ")) == (2, True)


def test_it_can_be_asked_too_often() -> None:
    headers = {"Authorization": "Bearer x"}
    with serving("--fail", "GET:/v1/platform/regions:429") as url:
        answers = [requests.get(f"{url}/v1/platform/regions", headers=headers, timeout=10) for _ in range(2)]
    assert [each.status_code for each in answers] == [429, 200]
    assert answers[0].json()["error"] == "rate limit exceeded"


def test_listing_is_late_and_lacks_regions_on_request() -> None:
    headers = {"Authorization": "Bearer x"}
    app = {"name": "web", "org_slug": "personal"}
    machine = {"config": {"image": "nginx:1"}, "region": "ams"}

    def listing(url: str) -> tuple[int, list[str]]:
        found = requests.get(f"{url}/v1/orgs/personal/machines", headers=headers, timeout=10).json()
        return len(found["machines"]), found["error_regions"]

    for options, expected in (
        ((), (1, [])),
        (("--lag", "600s"), (0, [])),
        (("--error-region", "ams"), (0, ["ams"])),
        (("--error-region", "cdg"), (1, ["cdg"])),
    ):
        with serving(*options) as url:
            requests.post(f"{url}/v1/apps", json=app, headers=headers, timeout=10)
            requests.post(f"{url}/v1/apps/web/machines", json=machine, headers=headers, timeout=10)
            own = requests.get(f"{url}/v1/apps/web/machines", headers=headers, timeout=10).json()
            assert (len(own), listing(url)) == (1, expected)


def test_answers_are_spoilt_after_the_request_was_carried_out() -> None:
    headers = {"Authorization": "Bearer x"}
    kinds = ("lost", "cut", "half", "html", "empty", "null", "gzip", "shape", "30ms")
    faults = [word for kind in kinds for word in ("--fail", f"POST:/v1/apps:{kind}")]
    outcomes: dict[str, str] = {}
    with serving(*faults) as url:
        for kind in kinds:
            body = {"name": f"web-{kind}", "org_slug": "personal"}
            try:
                answer = requests.post(f"{url}/v1/apps", json=body, headers=headers, timeout=10)
                outcomes[kind] = f"{answer.status_code} {type(answer.json()).__name__}"
            except requests.RequestException as error:
                outcomes[kind] = type(error).__name__
            assert requests.get(f"{url}/v1/apps/web-{kind}", headers=headers, timeout=10).status_code == 200
    assert outcomes == {
        "lost": "ConnectionError",
        "cut": "ChunkedEncodingError",
        "half": "JSONDecodeError",
        "html": "JSONDecodeError",
        "empty": "JSONDecodeError",
        "null": "201 NoneType",
        "gzip": "ContentDecodingError",
        "shape": "201 list",
        "30ms": "201 dict",
    }


def test_a_fault_begins_at_the_request_it_names() -> None:
    headers = {"Authorization": "Bearer x"}
    with serving("--fail", "GET:*:503:1:3") as url:
        found = [requests.get(f"{url}/v1/platform/regions", headers=headers, timeout=10).status_code for _ in range(4)]
    assert found == [200, 200, 503, 200]
