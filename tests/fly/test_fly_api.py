"""The REST client against the rehearsal: patience where it helps, none where it would do harm."""

from __future__ import annotations

import pytest

from scorefly.fly.api import FlyApi
from scorefly.problems import ExternalError, InputError, Problem
from scorefly.rehearsal.server import Fault, Rehearsal


class Waits(list[float]):
    """Takes the place of sleeping, and remembers how long it would have been."""


def client(fly: Rehearsal, waits: list[float] | None = None) -> FlyApi:
    return FlyApi("token-canary", base_url=fly.url, sleep=(waits if waits is not None else []).append)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 0])
def test_what_is_safe_to_repeat_is_repeated(status: int) -> None:
    with Rehearsal(None, faults=[Fault("GET", "/v1/platform/regions", status, times=3)]) as fly:
        waits = Waits()
        assert client(fly, waits).regions().nearest == "ams"
        assert len(waits) == 3


@pytest.mark.parametrize(("status", "calls"), [(429, 2), (500, 1), (503, 1), (0, 1)])
def test_a_machine_is_never_made_twice(status: int, calls: int) -> None:
    with Rehearsal(None, faults=[Fault("POST", "/v1/apps/web/machines", status)]) as fly:
        api = client(fly)
        api.create_app("web", "personal")
        if calls == 1:
            with pytest.raises(ExternalError):
                api.create_machine("web", {"image": "x"}, "")
        else:
            api.create_machine("web", {"image": "x"}, "")
        assert fly.requests.count(("POST", "/v1/apps/web/machines")) == calls


def test_retry_after_is_followed_up_to_a_bound() -> None:
    faults = [Fault("GET", "*", 429, retry_after="7"), Fault("GET", "*", 503, retry_after="9999")]
    with Rehearsal(None, faults=faults) as fly:
        waits = Waits()
        client(fly, waits).regions()
        assert waits == [7.0, 30.0]


def test_patience_ends() -> None:
    with Rehearsal(None, faults=[Fault("*", "*", 503, times=99)]) as fly:
        with pytest.raises(
            ExternalError, match=r"Fly refused GET /platform/regions: .* \(HTTP 503, request rehearsal\)"
        ):
            client(fly).regions()
        assert len(fly.requests) == 5


def test_an_app_whose_answer_was_lost_is_taken_for_made() -> None:
    with Rehearsal(None) as fly:
        api = client(fly)
        api.create_app("web", "personal")
        api.create_app("web", "personal")
        assert api.app("web") is not None


def test_somebody_elses_name_is_told_apart_from_a_free_one() -> None:
    with Rehearsal(None) as fly:
        api = client(fly)
        assert api.app("free") is None
        with pytest.raises(ExternalError, match="belongs to somebody else"):
            api.app("taken")
        with pytest.raises(ExternalError, match="belongs to somebody else"):
            api.create_app("taken", "personal")


def test_listings_of_an_organization_are_followed_page_by_page() -> None:
    with Rehearsal(None) as fly:
        api = client(fly)
        api.create_app("web", "personal")
        made = {api.create_machine("web", {"image": "x"}, "").id for _ in range(101)}
        fly.requests.clear()
        assert {each.id for each in api.org_machines("personal").machines} == made
        assert len(fly.requests) == 2
        assert api.org_machines("other").machines == ()


def test_volumes_of_an_organization_come_from_all_pages_but_not_those_that_are_leaving() -> None:
    with Rehearsal(None) as fly, FlyApi("token", base_url=fly.url) as api:
        api.create_app("web", "personal")
        made = [api.create_volume("web", "data", "ams", 1) for _ in range(105)]
        fly.world.data["apps"]["web"]["volumes"][made[0].id]["state"] = "pending_destroy"
        assert {each.id for each in api.org_volumes("personal")} == {each.id for each in made[1:]}
        assert {each.app for each in api.org_volumes("personal")} == {"web"}
        assert api.org_volumes("other") == ()


def test_secrets_are_set_and_removed_in_one_call() -> None:
    with Rehearsal(None) as fly:
        api = client(fly)
        api.create_app("web", "personal")
        api.update_secrets("web", {"A": "1", "B": "2"})
        fly.requests.clear()
        api.update_secrets("web", {"A": None, "C": "3#\r\n\"'" + "x" * 70_000})
        assert len(fly.requests) == 1
        assert fly.received_secrets("web") == {"B": "2", "C": "3#\r\n\"'" + "x" * 70_000}


def test_a_message_holds_neither_the_token_nor_a_value() -> None:
    with Rehearsal(None) as fly:
        api = client(fly)
        api.create_app("web", "personal")
        with pytest.raises(ExternalError) as caught:
            api.update_secrets("web", {"bad name canary-value": "canary-value"})
        assert "canary" not in str(caught.value)


def test_nobody_there_is_a_problem_and_no_traceback() -> None:
    with Rehearsal(None) as fly:
        url = fly.url
    waits = Waits()
    with pytest.raises(ExternalError, match="Fly cannot be reached"):
        FlyApi("x", base_url=url, sleep=waits.append).create_machine("web", {}, "")
    assert len(waits) == 4


def test_a_token_is_wanted() -> None:
    with pytest.raises(InputError, match="there is no Fly API token"):
        FlyApi("")


def test_request_that_changes_something_is_not_sent_without_the_lock() -> None:
    def refuse() -> None:
        raise ExternalError(Problem("another run took the lock"))

    with Rehearsal(None) as fly, FlyApi("x", base_url=fly.url) as api:
        api.create_app("web", "personal")
        api.before_change = refuse
        with pytest.raises(ExternalError, match="took the lock"):
            api.delete_app("web")
        assert api.app("web") is not None
