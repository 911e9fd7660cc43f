"""The REST client against the stand-in: pages, patience within the rate limits, and what it never tells."""

from __future__ import annotations

import pytest

from github_server import READ_ONLY, TOKEN, Fault, GitHub
from scorefly.github.api import GitHubApi
from scorefly.github.comment import COMMENT_LIMIT, keep_comment
from scorefly.github.deployments import begin, retire
from scorefly.problems import ExternalError, InputError

MARKER = "<!-- scorefly preview -->"
NOW = 1_000_000.0


def client(github: GitHub, waits: list[float] | None = None, token: str = TOKEN) -> GitHubApi:
    sleep = (waits if waits is not None else []).append
    return GitHubApi(token, github.repository, github.url, sleep=sleep, clock=lambda: NOW)


def test_a_listing_is_read_to_its_last_page() -> None:
    with GitHub(page=2) as github:
        for number in range(1, 6):
            github.open_pull(number)
        github.pulls[3]["state"] = "closed"
        assert list(client(github).open_pulls()) == [1, 2, 4, 5]
        assert github.requests.count(("GET", "/repos/acme/shop/pulls")) == 2


def test_a_page_on_another_server_is_not_asked_for() -> None:
    with GitHub(page=1) as github:
        github.next_page_at = f"{github.url}.example"
        github.open_pull(1)
        github.open_pull(2)
        with pytest.raises(ExternalError, match="another server"):
            client(github).open_pulls()


@pytest.mark.parametrize(
    ("fault", "waited"),
    [
        (Fault("GET", ".*", 429, headers={"Retry-After": "7"}), [7.0]),
        (Fault("GET", ".*", 403, headers={"Retry-After": "2"}), [2.0]),
        (
            Fault("GET", ".*", 403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 30)}),
            [31.0],
        ),
        (Fault("GET", ".*", 403, times=2, message="You have exceeded a secondary rate limit."), [60.0, 120.0]),
        (Fault("GET", ".*", 429), [60.0]),
    ],
)
def test_rate_limits_are_waited_for_as_github_says(fault: Fault, waited: list[float]) -> None:
    with GitHub(faults=[fault]) as github:
        github.open_pull(1)
        waits: list[float] = []
        assert client(github, waits).pull(1) is not None
        assert waits == waited


def test_a_limit_that_lasts_too_long_ends_the_run_and_says_so() -> None:
    used_up = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 3000)}
    with GitHub(faults=[Fault("GET", ".*", 403, headers=used_up)]) as github:
        with pytest.raises(ExternalError, match=r"used up for 3001 s"):
            client(github).open_pulls()
        assert len(github.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 0])
def test_what_is_safe_to_repeat_is_repeated(status: int) -> None:
    with GitHub(faults=[Fault("GET", ".*", status, times=3)]) as github:
        github.open_pull(1)
        waits: list[float] = []
        assert client(github, waits).open_pulls().keys() == {1}
        assert len(waits) == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504, 0])
def test_a_comment_whose_answer_was_lost_is_not_written_twice(status: int) -> None:
    with GitHub(faults=[Fault("POST", ".*", status)]) as github:
        github.open_pull(1)
        with pytest.raises(ExternalError):
            client(github).create_comment(1, "hello")
        assert github.requests.count(("POST", "/repos/acme/shop/issues/1/comments")) == 1


def test_what_the_token_may_not_do_names_the_permission_that_is_missing() -> None:
    with GitHub(permissions=READ_ONLY) as github:
        github.open_pull(1)
        with pytest.raises(ExternalError) as caught:
            client(github).create_comment(1, "hello")
        assert "permissions: issues: write; pull_requests: write" in str(caught.value)
        assert len(github.requests) == 1


def test_the_token_is_in_no_message() -> None:
    with GitHub(faults=[Fault("GET", ".*", 400, message=f"no such token as wrong-{TOKEN}")]) as github:
        with pytest.raises(ExternalError) as caught:
            client(github, token=f"wrong-{TOKEN}").open_pulls()
        assert TOKEN not in str(caught.value)


def test_a_client_without_token_or_repository_is_refused() -> None:
    with pytest.raises(InputError, match="no GitHub token"):
        GitHubApi("", "acme/shop")
    with pytest.raises(InputError, match="no owner/name"):
        GitHubApi("x", "../user")


@pytest.mark.parametrize(("user", "may"), [("owner", True), ("reader", False), ("../../user", False)])
def test_write_access_is_what_github_says_of_the_user(user: str, may: bool) -> None:
    with GitHub() as github:
        assert client(github).may_write(user) is may


def test_the_comment_is_made_once_and_then_edited_in_place() -> None:
    with GitHub(page=1) as github:
        github.open_pull(1)
        github.comment(1, "first")
        keep_comment(client(github), 1, MARKER, "one")
        keep_comment(client(github), 1, MARKER, "two")
        assert github.bodies(1) == ["first", f"{MARKER}\ntwo"]


@pytest.mark.parametrize("own", ["github-actions[bot]", "acme-deployer[bot]", "release-user"])
@pytest.mark.parametrize("author", ["owner", "renovate[bot]", "github-actions"])
def test_comment_of_another_member_or_bot_with_our_marker_is_left_alone(own: str, author: str) -> None:
    with GitHub(author=own) as github:
        github.open_pull(1)
        github.comment(1, f"{MARKER}\nforged", author=author)
        keep_comment(client(github), 1, MARKER, "one")
        keep_comment(client(github), 1, MARKER, "two")
        assert github.bodies(1) == [f"{MARKER}\nforged", f"{MARKER}\ntwo"]


def test_login_of_a_workflow_token_is_known_where_github_does_not_tell_it() -> None:
    with GitHub(faults=[Fault("POST", "/graphql", 403)]) as github:
        assert client(github).login() == "github-actions[bot]"


def test_a_strangers_comment_with_our_marker_is_not_taken_for_ours() -> None:
    with GitHub() as github:
        github.open_pull(1)
        github.comment(1, f"{MARKER}\nforged", author="stranger")
        keep_comment(client(github), 1, MARKER, "one")
        assert github.bodies(1) == [f"{MARKER}\nforged", f"{MARKER}\none"]


def test_a_comment_that_somebody_deletes_meanwhile_is_written_again() -> None:
    with GitHub(faults=[Fault("PATCH", ".*", 404)]) as github:
        github.open_pull(1)
        keep_comment(client(github), 1, MARKER, "one")
        keep_comment(client(github), 1, MARKER, "two")
        assert github.bodies(1) == [f"{MARKER}\none", f"{MARKER}\ntwo"]


def test_a_comment_is_never_longer_than_github_takes() -> None:
    with GitHub() as github:
        github.open_pull(1)
        keep_comment(client(github), 1, MARKER, "x" * 2 * COMMENT_LIMIT)
        assert COMMENT_LIMIT - 200 < len(github.bodies(1)[0]) <= COMMENT_LIMIT


def test_earlier_deployments_are_retired_and_looking_ends_at_the_first_inactive_one() -> None:
    with GitHub() as github:
        api = client(github)
        sha = github.open_pull(1)["head"]["sha"]
        for _ in range(5):
            made = begin(api, "pr-1", sha, "Preview", "https://example.com/log")
            earlier = [each for each in api.deployments("pr-1") if each.id != made.id]
            retire(api, earlier)
            api.set_deployment_state(made.id, "success", url="https://web.fly.dev")
        assert github.states("pr-1") == ["inactive"] * 4 + ["success"]
        listed = [path for method, path in github.requests if method == "GET" and path.endswith("/statuses")]
        assert len(listed) == 1 + 2 * 3


def test_an_environment_goes_only_with_a_token_that_may() -> None:
    with GitHub() as github:
        github.environments.add("pr-1")
        assert not client(github).delete_environment("pr-1")
        github.permissions["administration"] = "write"
        assert client(github).delete_environment("pr-1")
        assert client(github).delete_environment("pr-1")
        assert github.environments == set()


def test_github_enterprise_server_has_its_api_below_a_path() -> None:
    with GitHub(prefix="/api/v3", page=1) as github:
        github.open_pull(1)
        github.open_pull(2)
        assert list(client(github).open_pulls()) == [1, 2]


@pytest.mark.parametrize("status", [301, 307])
def test_a_repository_that_has_moved_is_followed_only_to_read(status: int) -> None:
    with GitHub() as github:
        github.open_pull(1)
        there = {"Location": f"{github.url}/repos/acme/shop/pulls"}
        github.faults = [Fault(method, ".*", status, headers=there) for method in ("GET", "POST")]
        assert list(client(github).open_pulls()) == [1]
        with pytest.raises(ExternalError, match=rf"HTTP {status}"):
            client(github).create_comment(1, "hello")


def test_an_answer_that_is_no_json_is_told() -> None:
    with GitHub(faults=[Fault("GET", ".*", 200, raw=b"<html>", times=3)]) as github:
        with pytest.raises(ExternalError, match="the answer is not JSON"):
            client(github).open_pulls()


def test_refs_are_listed_by_their_beginning() -> None:
    with GitHub(refs={"refs/scorefly/pr-1", "refs/scorefly/production", "refs/heads/main"}) as github:
        assert client(github).refs("scorefly/pr-") == ("refs/scorefly/pr-1",)
