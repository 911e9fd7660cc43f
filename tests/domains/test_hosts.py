"""Host names in Score files: canonical forms, and what is refused before anything is changed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rehearsing import Client
from scorefly.fly.hostnames import InvalidHostError, is_custom, normalise_host
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True).filter(lambda text: text[2:4] != "--")
TOP = st.from_regex(r"[a-z]{2,10}", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
HOST = st.builds(lambda wild, name, top: f"{wild}{name}.{top}", st.sampled_from(["", "*."]), NAME, TOP)
CANONICAL = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

PORT = "service: {ports: {http: {port: 80}}}\n"


@given(HOST, st.booleans(), st.sampled_from(["", "."]))
def test_case_and_a_trailing_dot_do_not_make_another_host(host: str, upper: bool, dot: str) -> None:
    assert normalise_host((host.upper() if upper else host) + dot) == host


@given(st.text(max_size=80) | st.text("aA1-.*_:/ é。", max_size=30))
@example("a" * 300 + ".com")
@example("xn--zz.com")
def test_any_text_is_a_canonical_host_or_refused_with_a_hint(text: str) -> None:
    try:
        host = normalise_host(text)
    except InvalidHostError as error:
        assert error.message
        assert error.hint
        return
    assert CANONICAL.fullmatch(host)
    assert len(host) <= 253
    assert normalise_host(host) == host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.BÜCHER.example", "*.xn--bcher-kva.example"),
        ("日本語。jp", "xn--wgv71a119e.jp"),
        ("straße.de", "xn--strae-oqa.de"),
    ],
)
def test_international_names_become_punycode(text: str, host: str) -> None:
    assert normalise_host(text) == host


@pytest.fixture(scope="module")
def app() -> Iterator[Client]:
    with Rehearsal(None) as fly:
        client = Client(fly)
        client("POST", "/apps", {"name": "web", "org_slug": "personal"})
        yield client


@given(HOST.filter(lambda host: not host.removeprefix("*.").startswith("taken.")))
def test_every_canonical_host_is_one_that_fly_takes(app: Client, host: str) -> None:
    status, _ = app("POST", "/apps/web/certificates/acme", {"hostname": host})
    assert status == 201
    path = f"/apps/web/certificates/{host.replace('*', '%2A')}"
    assert app("GET", path)[1]["hostname"] == host
    assert app("DELETE", path)[0] == 204


@given(st.text("aA1-.*_", max_size=20))
def test_fly_refuses_what_is_not_canonical(app: Client, text: str) -> None:
    status, _ = app("POST", "/apps/web/certificates/acme", {"hostname": text})
    app("DELETE", f"/apps/web/certificates/{text.replace('*', '%2A')}")
    try:
        assert (status == 201) == (normalise_host(text) == text)
    except InvalidHostError:
        assert status == 422


BAD = {
    "shop": "'shop' is not a full domain name (give the full name, such as shop.example.com)",
    "https://shop.example.com": "is a URL, not a host name",
    "shop.example.com/path": "has a path",
    "shop.example.com:8443": "has a port or is an IP address",
    "192.0.2.1": "is an IP address, not a host name",
    "a..example.com": "invalid label ''",
    "a_b.example.com": "invalid label 'a_b'",
    "a.*.example.com": "a wildcard is the whole first label",
    "☕.example.com": "not allowed",
}


@pytest.mark.parametrize("command", ["validate", "plan", "deploy"])
def test_hosts_that_are_no_domains_are_refused_all_at_once_with_their_places(
    workspace: Workspace, command: str
) -> None:
    for number, host in enumerate(BAD):
        way = f'way: {{type: route, params: {{host: "{host}", port: http}}}}'
        workspace.workload(f"web{number}", f"{PORT}resources: {{{way}}}\n")
    result = workspace.run(command, *(["--rehearse"] if command != "validate" else []))
    assert result.code == 2
    assert len(result.problems) == len(BAD)
    for number, (problem, message) in enumerate(zip(result.problems, BAD.values(), strict=True)):
        assert problem.startswith(f"web{number}.score.yaml:7:")
        assert message in problem
    assert not (workspace.path / ".scorefly/rehearsal").exists() or not workspace.world["apps"]


def test_names_of_private_networks_get_a_warning_and_those_of_fly_nothing(workspace: Workspace) -> None:
    workspace.workload(
        "web", f"{PORT}resources: {{way: {{type: route, params: {{host: shop.localhost, port: http}}}}}}\n"
    )
    result = workspace.run("validate")
    assert result.code == 0
    assert "shop.localhost, which only a private network resolves: no certificate is requested" in result.err
    workspace.workload("web", f"{PORT}resources: {{way: {{type: route, params: {{host: web.fly.dev, port: http}}}}}}\n")
    assert "fly.dev" not in workspace.run("validate").err


def test_a_host_that_is_not_known_yet_is_not_refused(workspace: Workspace) -> None:
    body = """\
    service: {ports: {http: {port: 80}}}
    resources:
      env: {type: environment}
      way: {type: route, params: {host: "${resources.env.HOST}", port: http}}
    """
    workspace.workload("web", body)
    result = workspace.run("validate")
    assert result.code == 0
    assert "stand-in" not in result.err


def test_fly_names_need_no_certificate() -> None:
    assert [is_custom(host) for host in ("web.fly.dev", "fly.dev", "a.localhost", "xfly.dev", "a.b")] == [
        False,
        False,
        False,
        True,
        True,
    ]
