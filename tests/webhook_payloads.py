"""Payloads of webhooks as the git hosts document them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parent / "node/node_modules/@octokit/webhooks-examples/api.github.com/index.json"

GITLAB_PUSH: dict[str, Any] = {
    "object_kind": "push", "event_name": "push", "before": "95790bf891e76fee5e1747ab589903a6a1f80f22",
    "after": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7", "ref": "refs/heads/master", "ref_protected": True,
    "checkout_sha": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7", "user_id": 4, "user_name": "John Smith",
    "project_id": 15,
    "project": {
        "id": 15, "name": "Diaspora", "web_url": "http://example.com/mike/diaspora", "avatar_url": None,
        "git_ssh_url": "git@example.com:mike/diaspora.git", "git_http_url": "http://example.com/mike/diaspora.git",
        "namespace": "Mike", "path_with_namespace": "mike/diaspora", "default_branch": "master",
    },
    "commits": [], "total_commits_count": 4,
}  # fmt: skip
GITEA_PUSH: dict[str, Any] = {
    "ref": "refs/heads/develop", "before": "28e1879d029cb852e4844d9c718537df08844e03",
    "after": "bffeb74224043ba2feb48d137756c8a9331c449a",
    "compare_url": "http://localhost:3000/gitea/webhooks/compare/28e1879d029c...bffeb7422404", "commits": [],
    "repository": {
        "id": 140, "name": "webhooks", "full_name": "gitea/webhooks", "private": False,
        "html_url": "http://localhost:3000/gitea/webhooks", "ssh_url": "ssh://gitea@localhost:2222/gitea/webhooks.git",
        "clone_url": "http://localhost:3000/gitea/webhooks.git", "default_branch": "master",
    },
}  # fmt: skip
BITBUCKET_PUSH: dict[str, Any] = {
    "repository": {
        "type": "repository", "full_name": "team_name/repo_name",
        "links": {"html": {"href": "https://bitbucket.org/team_name/repo_name"}},
    },
    "push": {"changes": [
        {"new": {"type": "branch", "name": "name-of-branch", "target": {"type": "commit", "hash": "709d658dc5b6"}},
         "old": {"type": "branch", "name": "name-of-branch", "target": {"hash": "1e65c05c1d5171631d92438a13901ca7dae"}},
         "created": False, "forced": False, "closed": False},
        {"new": {"type": "tag", "name": "v1.0.0", "target": {"hash": "709d658dc5b6"}}, "old": None, "created": True},
        {"new": None, "old": {"type": "branch", "name": "gone"}, "closed": True},
    ]},
}  # fmt: skip
BITBUCKET_DATA_CENTER: dict[str, Any] = {
    "eventKey": "repo:refs_changed", "date": "2017-09-19T09:58:11+1000",
    "repository": {"slug": "repository", "links": {"clone": [
        {"href": "https://bitbucket.example.com/scm/project_1/repository.git", "name": "http"},
        {"href": "ssh://git@bitbucket.example.com:7999/project_1/repository.git", "name": "ssh"},
    ]}},
    "changes": [{"ref": {"id": "refs/heads/master", "displayId": "master", "type": "BRANCH"},
                 "refId": "refs/heads/master", "fromHash": "ecdd", "toHash": "1783", "type": "UPDATE"}],
}  # fmt: skip


def documented_push(sender: str, url: str, ref: str, after: str) -> tuple[dict[str, str], bytes]:
    """The documented payload of a push, about this repository: headers by lower-case name, and the body."""
    branch = ref.removeprefix("refs/heads/")
    if sender == "gitlab":
        project = {**GITLAB_PUSH["project"], "git_http_url": f"{url}.git", "web_url": url, "git_ssh_url": ""}
        return {"x-gitlab-event": "Push Hook"}, _body(GITLAB_PUSH, ref=ref, after=after, project=project)
    if sender == "bitbucket":
        change = {"new": {"type": "branch", "name": branch, "target": {"type": "commit", "hash": after}}}
        repository = {"type": "repository", "links": {"html": {"href": url}}}
        return {"x-event-key": "repo:push"}, _body(BITBUCKET_PUSH, repository=repository, push={"changes": [change]})
    if sender == "github":
        example = next((each for name, each in examples() if name == "push"), GITEA_PUSH)
        repository = {**example["repository"], "clone_url": f"{url}.git", "html_url": url, "ssh_url": "", "git_url": ""}
        return {"x-github-event": "push"}, _body(example, ref=ref, after=after, deleted=False, repository=repository)
    repository = {**GITEA_PUSH["repository"], "clone_url": f"{url}.git", "html_url": url, "ssh_url": ""}
    return {f"x-{sender}-event": "push"}, _body(GITEA_PUSH, ref=ref, after=after, repository=repository)


def _body(payload: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({**payload, **changes}).encode()


@lru_cache(1)
def _examples() -> list[Any]:
    loaded: list[Any] = json.loads(EXAMPLES.read_text()) if EXAMPLES.exists() else []
    return loaded


def examples() -> Iterator[tuple[str, Any]]:
    """Yield the examples of npm's @octokit/webhooks-examples, where it is installed: the event's name, and its body."""
    for entry in _examples():
        yield from ((entry["name"], example) for example in entry["examples"])
