"""What flyctl asks beside the Machines API: GraphQL, releases."""

from __future__ import annotations

import pytest

from rehearsing import Client

APPS = 'query($org: ID, $role: String, $after: String) { apps(type: "container", first: 200, after: $after) { nodes { id } } }'
IMAGE = "query($appName: String!, $imageRef: String!) { app(name: $appName) { id image(ref: $imageRef) { id } } }"
RELEASES = (
    "query($appName: String!, $limit: Int!) { app(name: $appName) { releases: releasesUnprocessed(first: $limit) } }"
)


def test_graphql_knows_apps_and_organizations(call: Client) -> None:
    call.made("/apps", {"name": "other", "org_slug": "acme"})
    found = call.graphql("query($name: String!) { appcompact:app(name: $name) { id } }", name="web")
    assert found["appcompact"]["id"] == "web"
    slugs = [
        each["slug"] for each in call.graphql("{ organizations(admin: false) { nodes } }")["organizations"]["nodes"]
    ]
    assert slugs == ["acme", "personal"]
    assert [each["name"] for each in call.graphql(APPS)["apps"]["nodes"]] == ["other", "web"]
    assert [each["name"] for each in call.graphql(APPS, org="org-acme")["apps"]["nodes"]] == ["other"]
    assert call.graphql(APPS, role="remote-docker-builder")["apps"]["nodes"] == []


def test_images_are_there_but_those_that_are_missing(call: Client) -> None:
    assert call.graphql(IMAGE, appName="web", imageRef="nginx:1")["app"]["image"]["ref"] == "nginx:1"
    assert call.graphql(IMAGE, appName="web", imageRef="rehearsal.invalid/missing:1")["app"]["image"] is None


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ app(name: $name) { id } }", "Could not find App"),
        ("{ weather }", "does not know this query"),
        ("query($image: String!) { latestImageDetails(image: $image) { tag } }", "Unknown repository"),
        ("mutation { validateWireGuardPeers(input: $input) { invalidPeerIps } }", "no private network"),
    ],
)
def test_graphql_errors_are_answers(call: Client, query: str, words: str) -> None:
    assert words in call.graphql(query, name="nope")[0]["message"]


def test_releases_count_up_and_keep_what_they_released(call: Client) -> None:
    first, second = (
        call.beside("POST", "/api/v1/releases", {"app_name": "web", "definition": {"a": number}, "image": "x"})[
            "release"
        ]
        for number in (1, 2)
    )
    call.beside("PATCH", f"/api/v1/releases/{second['id']}", {"status": "complete"})
    found = call.beside("GET", "/api/v1/apps/web/releases?limit=20")["releases"]
    assert [(each["version"], each["status"]) for each in found] == [(2, "complete"), (1, "pending")]
    assert len(call.beside("GET", "/api/v1/apps/web/releases?limit=1")["releases"]) == 1
    app = call.graphql("{ app(name: $name) { currentReleaseUnprocessed { configDefinition } } }", name="web")["app"]
    assert app["currentReleaseUnprocessed"]["configDefinition"] == {"a": 2}
    assert [each["id"] for each in call.graphql(RELEASES, appName="web", limit=1)["app"]["releases"]["nodes"]] == [
        second["id"]
    ]
    assert first["version"] == 1
