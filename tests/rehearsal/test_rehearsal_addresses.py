"""An app's IP addresses: one store, seen over REST and over GraphQL."""

from __future__ import annotations

import pytest

from rehearsing import Client

ALLOCATE = """mutation($input: AllocateIPAddressInput!) { allocateIpAddress(input: $input) {
    app { sharedIpAddress } ipAddress { id address type region createdAt } } }"""
LISTED = """query($appName: String!) { app(name: $appName) {
    ipAddresses { nodes { id address type region createdAt } } sharedIpAddress } }"""
RELEASE = "mutation($input: ReleaseIPAddressInput!) { releaseIpAddress(input: $input) { clientMutationId } }"


def over_rest(call: Client) -> list[tuple[str, bool]]:
    return [(each["ip"], each["shared"]) for each in call("GET", "/apps/web/ip_assignments")[1]["ips"]]


@pytest.mark.parametrize(
    ("kind", "begins", "shared"),
    [
        ("v4", "198.18.", False),
        ("shared_v4", "203.0.113.", True),
        ("v6", "2001:db8::", False),
        ("private_v6", "fdaa:", False),
    ],
)
@pytest.mark.parametrize("rest", [True, False])
def test_every_kind_can_be_had_both_ways(call: Client, kind: str, begins: str, shared: bool, rest: bool) -> None:
    if rest:
        given = call.made("/apps/web/ip_assignments", {"type": kind, "org_slug": "personal", "network": ""})["ip"]
    else:
        answer = call.graphql(ALLOCATE, input={"appId": "web", "type": kind})["allocateIpAddress"]
        given = answer["app"]["sharedIpAddress"] if shared else answer["ipAddress"]["address"]
        assert shared or answer["ipAddress"]["type"] == kind
    assert given.startswith(begins)
    assert over_rest(call) == [(given, shared)]
    app = call.graphql(LISTED, appName="web")["app"]
    assert app["sharedIpAddress"] == (given if shared else None)
    assert [(each["address"], each["type"]) for each in app["ipAddresses"]["nodes"]] == (
        [] if shared else [(given, kind)]
    )


def test_the_shared_one_is_there_once_and_the_others_are_each_apps_own(call: Client) -> None:
    call.made("/apps", {"name": "other", "org_slug": "personal"})
    for kind in ("shared_v4", "v4", "v6", "private_v6"):
        ips = [call.made(f"/apps/{app}/ip_assignments", {"type": kind})["ip"] for app in ("web", "web", "other")]
        assert len(set(ips)) == (1 if kind == "shared_v4" else 3)
    assert sum(shared for _, shared in over_rest(call)) == 1


def test_one_that_is_given_back_is_gone_from_both(call: Client) -> None:
    first, second = (call.made("/apps/web/ip_assignments", {"type": "v6"})["ip"] for _ in range(2))
    assert call("DELETE", f"/apps/web/ip_assignments/{first}")[0] == 204
    call.graphql(RELEASE, input={"appId": "web", "ip": second})
    assert over_rest(call) == []
    assert call("DELETE", f"/apps/web/ip_assignments/{first}")[0] == 404
    assert "no address" in call.graphql(RELEASE, input={"appId": "web", "ip": second})[0]["message"]


@pytest.mark.parametrize("wrong", [{"type": "v5"}, {}, {"type": "v6", "region": "xyz"}])
def test_what_is_no_address_is_refused(call: Client, wrong: dict[str, str]) -> None:
    assert call("POST", "/apps/web/ip_assignments", wrong)[0] == 422
