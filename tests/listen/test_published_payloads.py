"""Payloads as the git hosts document them give the right hints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scorefly.listen.deliveries import concerns
from scorefly.listen.hosts import SENDERS
from scorefly.listen.hosts.event import Event, MalformedPayloadError
from scorefly.listen.repository_keys import matching_key, repository_key
from webhook_payloads import BITBUCKET_DATA_CENTER, BITBUCKET_PUSH, EXAMPLES, GITEA_PUSH, GITLAB_PUSH, examples


def read(sender: str, payload: Any, **headers: str) -> Event:
    lower = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return SENDERS[sender].read(lower, json.dumps(payload).encode())


def keys(event: Event) -> set[str]:
    return {repository_key(address) for hint in event.hints for address in hint.addresses}


def refs(event: Event) -> list[str]:
    return [hint.ref for hint in event.hints]


@pytest.mark.skipif(not EXAMPLES.exists(), reason="npm's @octokit/webhooks-examples is not installed")
def test_every_documented_event_of_github_is_read() -> None:
    kinds: dict[str, set[str]] = {}
    for name, example in examples():
        event = read("github", example, X_GitHub_Event=name)
        kinds.setdefault(name, set()).add(event.kind)
        if name == "push":
            assert keys(event) == {repository_key(example["repository"]["clone_url"])}
            assert refs(event) == [example["ref"]]
    assert kinds.pop("push") == {"push", "deleted"} or {"push"}
    assert kinds.pop("ping") == {"ping"}
    assert {kind for found in kinds.values() for kind in found} == {"other"}
    assert len(kinds) > 40


def test_gitlab() -> None:
    event = read("gitlab", GITLAB_PUSH, X_Gitlab_Event="Push Hook")
    assert (event.kind, keys(event), refs(event)) == ("push", {"example.com/mike/diaspora"}, ["refs/heads/master"])
    tag = {**GITLAB_PUSH, "object_kind": "tag_push", "ref": "refs/tags/v1.0.0"}
    assert refs(read("gitlab", tag)) == ["refs/tags/v1.0.0"]
    assert read("gitlab", {**GITLAB_PUSH, "after": "0" * 40}).kind == "deleted"
    assert read("gitlab", {"object_kind": "issue"}).kind == "other"


@pytest.mark.parametrize("sender", ["gitea", "forgejo"])
def test_gitea_and_forgejo(sender: str) -> None:
    event = read(sender, GITEA_PUSH, **{f"X_{sender}_Event": "push"})
    assert keys(event) == {"localhost:3000/gitea/webhooks", "localhost/gitea/webhooks"}
    assert refs(event) == ["refs/heads/develop"]
    assert read(sender, {"ref": "v1", "ref_type": "tag"}, **{f"X_{sender}_Event": "create"}).kind == "other"


def test_bitbucket_cloud() -> None:
    event = read("bitbucket", BITBUCKET_PUSH, X_Event_Key="repo:push")
    assert keys(event) == {"bitbucket.org/team_name/repo_name"}
    assert refs(event) == ["refs/heads/name-of-branch", "refs/tags/v1.0.0"]
    gone = {**BITBUCKET_PUSH, "push": {"changes": [BITBUCKET_PUSH["push"]["changes"][2]]}}
    assert read("bitbucket", gone, X_Event_Key="repo:push").kind == "deleted"


def test_bitbucket_data_center() -> None:
    event = read("bitbucket", BITBUCKET_DATA_CENTER, X_Event_Key="repo:refs_changed")
    assert keys(event) == {
        "bitbucket.example.com/scm/project_1/repository",
        "bitbucket.example.com/project_1/repository",
    }
    assert refs(event) == ["refs/heads/master"]
    assert read("bitbucket", {"test": True}, X_Event_Key="diagnostics:ping").kind == "ping"


def test_generic() -> None:
    event = read("generic", {"repository": "git@github.com:Acme/Web.git", "ref": "refs/heads/main"})
    assert (keys(event), refs(event)) == ({"github.com/acme/web"}, ["refs/heads/main"])
    assert read("generic", {"type": "ping"}).kind == "ping"
    with pytest.raises(MalformedPayloadError):
        read("generic", {"ref": "refs/heads/main"})


@pytest.mark.parametrize(
    "address",
    ["https://github.com/acme/web", "https://github.com/acme/web.git", "git@github.com:acme/web.git",
     "ssh://git@github.com/acme/web.git", "https://GitHub.com/Acme/Web/", "ssh://git@github.com:22/acme/web",
     "https://user:secret@github.com:443/acme/web.git"],
)  # fmt: skip
def test_one_repository_has_one_key(address: str) -> None:
    assert repository_key(address) == "github.com/acme/web"


@pytest.mark.parametrize("address", ["", "x", "https://", "https://[", "https://github.com", "::", "http://a:b:c/d"])
def test_what_is_no_address_has_no_key(address: str) -> None:
    assert repository_key(address) == ""
    assert matching_key([address], ["github.com/acme/web", "/srv/git/web"]) == ""


@pytest.mark.parametrize(
    ("ref", "followed", "is_concerned"),
    [
        ("refs/heads/main", "refs/heads/main", True),
        ("refs/heads/topic", "refs/heads/main", False),
        ("main", "refs/heads/main", True),
        ("", "refs/heads/main", True),
        ("refs/heads/any", "HEAD", True),
        ("refs/tags/v1", "HEAD", False),
        ("refs/tags/v1.2", "refs/tags/v1.*", True),
        ("refs/tags/v2.0", "refs/tags/v1.*", False),
        ("refs/heads/v1.2", "refs/tags/v1.*", False),
    ],
)
def test_a_push_concerns_the_refs_that_somebody_follows(ref: str, followed: str, is_concerned: bool) -> None:
    assert concerns(ref, followed) == is_concerned


def test_a_local_repository_is_matched_by_its_name() -> None:
    known = ["github.com/acme/web", "/srv/git/environments"]
    assert matching_key(["https://git.example.com/ops/Environments.git"], known) == "/srv/git/environments"
    assert matching_key(["/srv/git/environments.git"], known) == "/srv/git/environments"
    assert matching_key(["https://git.example.com/ops/other"], known) == ""
