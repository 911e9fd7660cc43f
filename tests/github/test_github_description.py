"""GitHub's published description and payloads: what scorefly sends and reads, and what the stand-in answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from github_description import DESCRIPTION, PACKAGES, Exchange, description, problems
from github_server import TOKEN, Fault, GitHub
from scorefly.github.api import GitHubApi
from scorefly.github.event import parse_event
from scorefly.problems import ExternalError, InputError

PAYLOADS = PACKAGES / "webhooks-examples/api.github.com/index.json"

needs_packages = pytest.mark.skipif(
    not (DESCRIPTION.exists() and PAYLOADS.exists()),
    reason="GitHub's own packages need Node 20 and npm: run `make test`",
)


def payloads() -> list[tuple[str, Any]]:
    """Every published payload with its event's name."""
    events = json.loads(PAYLOADS.read_text(encoding="utf-8"))
    return [(event["name"], each) for event in events for each in event["examples"]]


@needs_packages
def test_every_call_of_the_client_is_described() -> None:
    with GitHub() as server:
        server.refs.add("refs/heads/scorefly")
        server.open_pull(7, sha="a" * 40)
        with GitHubApi(TOKEN, server.repository, server.url, sleep=lambda _: None) as api:
            assert api.pull(7) is not None
            assert api.pull(8) is None
            assert set(api.open_pulls()) == {7}
            assert [api.may_write(user) for user in ("owner", "stranger", "nobody-at-all")] == [True, False, False]
            assert api.login() == "github-actions[bot]"
            comment = api.create_comment(7, "hello")
            assert api.update_comment(comment, "hello again")
            assert not api.update_comment(999, "hello")
            assert [each.id for each in api.comments(7)] == [comment]
            deployment = api.create_deployment("preview/pr-7", "a" * 40, "x" * 200)
            api.set_deployment_state(
                deployment.id, "success", description="y" * 200, url="https://a.example", log_url="https://b.example"
            )
            assert api.deployment_state(deployment.id) == "success"
            assert [each.id for each in api.deployments("preview/pr-7")] == [deployment.id]
            assert not api.delete_environment("preview/pr-7")
            assert api.refs("heads/") == ("refs/heads/scorefly",)
        assert len(server.exchanges) > 14
        assert problems(server.exchanges) == []


@needs_packages
@pytest.mark.parametrize(
    "exchange",
    [
        Exchange("GET", "/repos/a/b/nothing", {}, None, 200, []),
        Exchange("GET", "/repos/a/b/pulls", {"per": "1"}, None, 200, []),
        Exchange("POST", "/repos/a/b/deployments", {}, {"environment": "x"}, 201, {"id": 1}),
        Exchange("POST", "/repos/a/b/deployments", {}, {"ref": "x", "other": 1}, 201, {"id": 1}),
        Exchange("POST", "/repos/a/b/deployments", {}, {"ref": "x"}, 201, {"id": "one"}),
        Exchange("GET", "/repos/a/b/issues/1/comments", {}, None, 200, [{"issue": 1}]),
        Exchange("GET", "/repos/a/b/pulls/1", {}, None, 299, {}),
    ],
)
def test_differences_from_the_description_are_noticed(exchange: Exchange) -> None:
    assert description() is not None
    assert len(problems([exchange])) == 1


@needs_packages
def test_published_payloads_are_read_or_refused() -> None:
    assert len(payloads()) > 300
    for name, payload in payloads():
        for each in [name, "pull_request_target"] if name == "pull_request" else [name]:
            try:
                event = parse_event(each, payload)
            except InputError as error:
                assert each not in ("pull_request", "pull_request_target", "issue_comment"), error
                assert "as GitHub documents it" not in str(error), (each, payload)
            else:
                assert event.action == payload.get("action", ""), (each, payload)


def test_merged_base_instead_of_a_deployment_is_an_external_error() -> None:
    with GitHub() as server:
        server.open_pull(7, sha="a" * 40)
        server.faults.append(Fault("POST", ".*/deployments", 202, message="Auto-merged main into topic on deployment."))
        with GitHubApi(TOKEN, server.repository, server.url) as api, pytest.raises(ExternalError) as caught:
            api.create_deployment("preview/pr-7", "a" * 40, "")
    assert "has not done POST /deployments yet: Auto-merged main into topic on deployment." in str(caught.value)


def test_reasons_in_errors_are_shown() -> None:
    with GitHub() as server:
        server.open_pull(7, sha="a" * 40)
        with GitHubApi(TOKEN, server.repository, server.url) as api:
            deployment = api.create_deployment("preview/pr-7", "a" * 40, "")
            with pytest.raises(ExternalError) as caught:
                api.set_deployment_state(deployment.id, "success", url="http://a.example")
    assert "Validation Failed: environment_url must be https" in str(caught.value)


def test_pull_request_that_moves_to_another_page_is_not_taken_for_closed() -> None:
    with GitHub(page=1) as server:
        for number in (7, 8, 9):
            server.open_pull(number)

        def close_between_pages(request: int) -> None:
            if request == 2:
                server.pulls[7]["state"] = "closed"

        server.on_request = close_between_pages
        with GitHubApi(TOKEN, server.repository, server.url) as api:
            assert 8 not in api.open_pulls()  # its page has moved
            pull = api.pull(8)
    assert pull is not None
    assert pull.open
