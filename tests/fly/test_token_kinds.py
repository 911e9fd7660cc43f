"""Fly API tokens: what each kind says of itself, what it may do, and what `plan` and `deploy` make of that.

The macaroons were made with Fly's own library, github.com/superfly/macaroon v0.3.0.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flyctl_programs import environment
from rehearsing import Client
from scorefly.config.settings import Settings
from scorefly.deployment.token_check import TokenCheck, token_problems
from scorefly.fly.api import FlyApi
from scorefly.fly.api.current_token import CurrentToken
from scorefly.fly.msgpack import MalformedError, decode
from scorefly.fly.tokens import TokenDetails, read_token
from scorefly.problems import ExternalError
from scorefly.rehearsal.server import Rehearsal
from workspaces import Workspace

ENDS = 1900000000  # in the tokens below
ORGANIZATION = (
    "fm2_lJPEA2tpZMQQe4VflBKrQKMxfTHOT/I6VMK1aHR0cHM6Ly9hcGkuZmx5LmlvL3YxlACSzRJnHwSSzmVT8QDOcT+zAMQgJayi4NQ8locAFo"
    "d3H1U3KvipeUKfW5RmXOlfXRoACxQ="
)
APP = (
    "fm2_lJPEA2tpZMQQLf5sqb25q5YrLxrntUDT1cK1aHR0cHM6Ly9hcGkuZmx5LmlvL3YxlgCSzRJnHw2SlAORgc0DLx8FkYKnYnVpbGRlch+id2"
    "cfAQSSzmVT8QDOcT+zAMQgpAdGgj9bqkIbJjQi0PId22I3BMF+4o+33bCwT2835x8="
)
APP_WITHOUT_END = (
    "fm2_lJPEA2tpZMQQO+1jBYlC9h43YJ11OaDaV8K1aHR0cHM6Ly9hcGkuZmx5LmlvL3YxlACSzRJnHwORgc0DLx/EIKAtmg2VRPJ5hE2XwzlfMU"
    "cJfwa+ouN8yW6z5yPjY6Is"
)
DISCHARGE = (
    "fm2_lJPEA2tpZMQQj0UmSSGbvVmod5eebQgMF8K2aHR0cHM6Ly9hdXRoLmZseS5pby92MZIEks5lU/EAzmVT81jEIE30oc4zhtXAOIFlhfqMv+"
    "vzHoLhqT08knyzsqNfWGV+"
)


@pytest.mark.parametrize(
    ("token", "details"),
    [
        (ORGANIZATION, TokenDetails("organization", ENDS, (4711,))),
        (f"FlyV1 {ORGANIZATION},{DISCHARGE}", TokenDetails("organization", ENDS, (4711,))),
        (APP, TokenDetails("app", ENDS, (4711,), (815,))),
        (APP_WITHOUT_END, TokenDetails("app", None, (4711,), (815,))),
        (f"{ORGANIZATION},{APP}", TokenDetails("organization", ENDS, (4711,), (815,))),
        (f"{APP},{APP_WITHOUT_END}", TokenDetails("app", None, (4711,), (815,))),
        ("fo1_abcdef", TokenDetails("user")),
        (DISCHARGE, TokenDetails("unknown")),
        (ORGANIZATION[:-20], TokenDetails("unknown")),
        ("fm2_", TokenDetails("unknown")),
        ("something else", TokenDetails("unknown")),
    ],
)
def test_a_token_says_what_it_is_for_and_when_it_ends(token: str, details: TokenDetails) -> None:
    assert read_token(token) == details


@given(st.binary(max_size=80))
def test_any_bytes_are_a_token_of_some_kind(content: bytes) -> None:
    assert read_token(f"fm2_{b64encode(content).decode()}").kind in ("app", "organization", "user", "unknown")
    try:
        decode(content)
    except MalformedError:
        return


@pytest.mark.parametrize(
    ("token", "days", "organizations", "message"),
    [
        (ORGANIZATION, 15, ("acme",), ""),
        (ORGANIZATION, 13.5, ("acme",), "the Fly API token expires on 2030-03-17, in 13 days"),
        (APP, 1.5, ("acme",), "the Fly API token expires on 2030-03-17, in 1 day"),
        (ORGANIZATION, -1, ("acme",), "the Fly API token expired on 2030-03-17"),
        (ORGANIZATION, 99, ("other",), "the Fly API token is for organization other, not for acme"),
        (ORGANIZATION, 99, (), ""),
        (APP_WITHOUT_END, -99, ("acme", "other"), ""),
        ("fo1_x", -99, (), ""),
    ],
)
def test_what_a_token_is_warned_of(token: str, days: float, organizations: tuple[str, ...], message: str) -> None:
    check = TokenCheck(read_token(token), tuple(CurrentToken(each, ()) for each in organizations))
    settings = Settings("plan", Path(), org="acme", fly_api_token=token)
    found = token_problems(settings, check, ENDS - days * 86400)
    assert [problem.message for problem in found] == ([message] if message else [])
    assert all(problem.severity == "warning" and problem.hint for problem in found)
    personal = token_problems(replace(settings, org="personal"), check, ENDS - 99 * 86400)
    assert not [problem for problem in personal if "organization" in problem.message]


@pytest.mark.parametrize(
    ("token", "method", "path", "body", "status"),
    [
        ("app_web", "GET", "/apps/web", None, 200),
        ("app_web", "GET", "/apps/web/machines", None, 200),
        ("app_web", "GET", "/apps/web-two", None, 403),
        ("app_web", "GET", "/orgs/acme/machines", None, 403),
        ("app_web", "POST", "/apps", {"name": "new", "org_slug": "acme"}, 403),
        ("org_acme", "GET", "/apps/web", None, 200),
        ("org_acme", "GET", "/orgs/acme/machines", None, 200),
        ("org_acme", "GET", "/apps?org_slug=acme", None, 200),
        ("org_acme", "POST", "/apps", {"name": "new", "org_slug": "acme"}, 201),
        ("org_acme", "GET", "/apps/absent", None, 404),
        ("org_other", "GET", "/apps/web", None, 403),
        ("org_other", "GET", "/orgs/acme/machines", None, 403),
        ("org_other", "GET", "/apps?org_slug=acme", None, 403),
        ("org_other", "POST", "/apps", {"name": "new", "org_slug": "acme"}, 403),
        ("expired_x", "GET", "/apps/web", None, 401),
        ("fo1_x", "GET", "/apps/web", None, 200),
        ("fo1_x", "GET", "/tokens/current", None, 401),
    ],
)
def test_the_rehearsal_refuses_what_a_token_is_not_for(
    token: str, method: str, path: str, body: dict[str, str] | None, status: int
) -> None:
    with Rehearsal(None) as fly:
        call = Client(fly)
        call.made("/apps", {"name": "web", "org_slug": "acme"})
        call.made("/apps", {"name": "web-two", "org_slug": "acme"})
        assert call(method, path, body, Authorization=f"Bearer {token}")[0] == status


@pytest.mark.parametrize(
    ("token", "current"),
    [
        ("app_web", (CurrentToken("acme", ("web",)),)),
        ("org_acme", (CurrentToken("acme", ()),)),
        ("x", (CurrentToken("acme", ()), CurrentToken("personal", ()))),
    ],
)
def test_fly_tells_what_a_token_is_for(token: str, current: tuple[CurrentToken, ...]) -> None:
    with Rehearsal(None) as fly:
        Client(fly).made("/apps", {"name": "web", "org_slug": "acme"})
        with FlyApi(token, fly.url) as api:
            assert api.current_tokens() == current
        with FlyApi("expired_x", fly.url) as api, pytest.raises(ExternalError):
            api.current_tokens()


def test_plan_warns_of_a_token_for_another_organization(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web")
    with Rehearsal(None) as fly:
        given_variables = {**environment(tmp_path, fly), "FLY_API_TOKEN": "org_acme", "FLY_ORG": "other"}
        result = workspace.run("plan", "--region", "ams", **given_variables)
        assert "--fly-api-token: the Fly API token is for organization acme, not for other (set org" in result.err
        assert result.code == 1
        result = workspace.run("plan", "--region", "ams", **{**given_variables, "FLY_ORG": "acme"})
    assert (result.code, "Fly API token" in result.err) == (0, False), result.err


def test_the_organization_is_that_of_the_token_where_none_is_given(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web")
    with Rehearsal(None) as fly:
        fly.world.organizations = {"acme"}
        given_variables = {**environment(tmp_path, fly), "FLY_API_TOKEN": ORGANIZATION}
        result = workspace.run("deploy", "--region", "ams", **given_variables)
        assert result.code == 0, result.err
        assert fly.world.data["apps"]["web"]["organization"]["slug"] == "acme"


def test_a_deploy_token_leaves_unchanged_apps_that_it_may_not_see(workspace: Workspace, tmp_path: Path) -> None:
    workspace.workload("web")
    workspace.workload("other")
    with Rehearsal(None) as fly:
        full = environment(tmp_path, fly)
        assert workspace.run("deploy", "--region", "ams", **full).code == 0
        workspace.workload("web", image="nginx:1.28")
        result = workspace.run("deploy", "--region", "ams", **{**full, "FLY_API_TOKEN": "app_web"})
        assert (result.code, "1 deployed, 1 unchanged" in result.out) == (0, True), result.err
        assert "other was not checked: the Fly API token may not see it" in result.err
        workspace.workload("other", image="nginx:1.28")
        result = workspace.run("deploy", "--region", "ams", **{**full, "FLY_API_TOKEN": "app_web"})
        assert (result.code, "1 unchanged, 1 failed" in result.out) == (1, True), result.err
