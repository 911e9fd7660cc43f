"""The calls of GitHub's REST API: pull requests, comments, deployments, webhooks, refs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from scorefly.github.client import GitHubClient
from scorefly.http import (
    mapping,
    objects,
    text,
)
from scorefly.problems import ExternalError

WORKFLOW_LOGIN = "github-actions[bot]"  # who a workflow's own token is
_NOT_ALLOWED = (401, 403, 404)  # answers to a token that may not


class PullView(Struct, frozen=True):
    """A pull request as it is now. `head_repository` is empty when the fork is gone."""

    number: int
    open: bool
    draft: bool
    head_sha: str
    head_repository: str
    base_repository: str
    author: str
    url: str

    @property
    def fork(self) -> bool:
        """Decide whether its code comes from another repository."""
        return self.head_repository.lower() != self.base_repository.lower()


class CommentView(Struct, frozen=True):
    """A comment on an issue or pull request. `author` is a login in lower case; an app's ends with `[bot]`."""

    id: int
    body: str
    author: str


class DeploymentView(Struct, frozen=True):
    """A deployment; it belongs to one commit for good."""

    id: int
    environment: str
    sha: str


class GitHubApi(GitHubClient):
    """All calls of GitHub's API, with typed answers."""

    def pull(self, number: int) -> PullView | None:
        """Return a pull request; None when there is none of that number or the token may not see it."""
        return self._read("GET", f"/pulls/{number}", pull_view, accept=(403, 404))

    def open_pulls(self) -> Mapping[int, PullView]:
        """Return all open pull requests by number."""
        found = self._pages("/pulls", {"state": "open"}, pull_view)
        return {pull.number: pull for pull in found}

    def may_write(self, user: str) -> bool:
        """Decide whether a user has write access. GitHub counts `maintain` as write, and `triage` as read."""
        path = f"/collaborators/{quote(user, safe='')}/permission"
        found = self._read("GET", path, lambda data: text(mapping(data), "permission", ""), accept=(404,))
        return found in ("admin", "write")

    def login(self) -> str:
        """Return the login that the token writes comments as, in lower case.

        Apps may not ask for their user, a workflow's own token among them: GraphQL tells it to everybody.
        """
        found = self._read("GET", f"{self._server}user", _login, accept=(401, 403, 404))
        if found:
            return found
        url = re.sub(r"/v3/$", "/", self._server) + "graphql"
        try:
            query = {"query": "{viewer{login}}"}
            found = self._read("POST", url, lambda data: _login(mapping(data)["data"]["viewer"]), json=query)
        except ExternalError:
            found = None
        return found or WORKFLOW_LOGIN

    def comments(self, number: int) -> Iterator[CommentView]:
        """The comments of an issue or pull request, oldest first."""
        return self._pages(f"/issues/{number}/comments", {}, _comment)

    def create_comment(self, number: int, body: str) -> int:
        """Writes a comment, and returns its id."""
        path = f"/issues/{number}/comments"
        return self._need("POST", path, lambda data: int(mapping(data)["id"]), json={"body": body})

    def update_comment(self, comment: int, body: str) -> bool:
        """Writes a comment anew. False when somebody has deleted it."""
        answer = self._call("PATCH", f"/issues/comments/{comment}", json={"body": body}, accept=(404,))
        return answer.status_code != 404

    def webhook_urls(self) -> set[str]:
        """Return the addresses of the repository's active webhooks that get pushes. Raises ForbiddenError."""
        return set(self._pages("/hooks", {}, _push_url)) - {""}

    def create_webhook(self, url: str, secret: str) -> None:
        """Create a webhook that gets pushes as JSON."""
        config = {"url": url, "content_type": "json", "secret": secret}
        body = {"name": "web", "active": True, "events": ["push"], "config": config}
        self._need("POST", "/hooks", lambda data: int(mapping(data)["id"]), json=body)

    def deployments(self, environment: str = "") -> Iterator[DeploymentView]:
        """The deployments of an environment, or of all, newest first."""
        return self._pages("/deployments", {"environment": environment} if environment else {}, _deployment)

    def set_commit_status(self, commit: str, context: str, *, succeeded: bool, description: str, url: str = "") -> bool:
        """Add a status to a commit. Returns False where the token may not."""
        body = {
            "state": "success" if succeeded else "failure",
            "context": context,
            "description": description[:140],
            **({"target_url": url} if url else {}),
        }
        answer = self._call("POST", f"/statuses/{commit}", json=body, repeat=True, accept=_NOT_ALLOWED)
        return answer.status_code not in _NOT_ALLOWED

    def record_deployment(self, environment: str, commit: str, *, succeeded: bool, description: str, log: str) -> bool:
        """Add a deployment that has ended, in the place of earlier ones. Returns False where the token may not."""
        body = {
            "ref": commit,
            "environment": environment,
            "description": description[:140],
            "auto_merge": False,
            "required_contexts": [],
            "production_environment": environment.rpartition(".")[2] == "production",
        }
        made = self._read("POST", "/deployments", _deployment, json=body, accept=_NOT_ALLOWED)
        if made is not None:
            state = "success" if succeeded else "failure"
            self.set_deployment_state(made.id, state, log_url=log, replaces=succeeded)
        return made is not None

    def create_deployment(self, environment: str, ref: str, description: str) -> DeploymentView:
        """A deployment of a commit to an environment that will go away again. It waits for no status check."""
        body = {
            "ref": ref,
            "environment": environment,
            "description": description[:140],
            "auto_merge": False,
            "required_contexts": [],
            "transient_environment": True,
            "production_environment": False,
        }
        return self._need("POST", "/deployments", _deployment, json=body)

    def deployment_state(self, deployment: int) -> str:
        """The newest state of a deployment, or an empty text: GitHub lists statuses newest first."""
        query = {"per_page": "1"}
        found = self._need("GET", f"/deployments/{deployment}/statuses", objects, params=query)
        return text(found[0], "state", "") if found else ""

    def set_deployment_state(
        self,
        deployment: int,
        state: str,
        *,
        description: str = "",
        url: str = "",
        log_url: str = "",
        replaces: bool = False,
    ) -> None:
        """Adds a state: in_progress, success, failure, inactive. Of a transient one, inactive shows as destroyed.

        With `replaces`, earlier deployments to the environment become inactive.
        """
        texts = {"description": description[:140], "environment_url": url, "log_url": log_url}
        body = {"state": state, "auto_inactive": replaces, **{name: text for name, text in texts.items() if text}}
        self._call("POST", f"/deployments/{deployment}/statuses", json=body, repeat=True)

    def delete_environment(self, environment: str) -> bool:
        """Deletes an environment; one that is gone is fine. False when the token may not.

        That takes repository administration, which the token of a workflow never has.
        """
        answer = self._call("DELETE", f"/environments/{quote(environment, safe='')}", accept=(403, 404))
        return answer.status_code != 403

    def refs(self, prefix: str) -> tuple[str, ...]:
        """The full names of the refs that begin with `refs/<prefix>`."""
        path = f"/git/matching-refs/{quote(prefix)}"
        return tuple(self._pages(path, {}, lambda each: text(each, "ref"), per_page=0))


def _push_url(data: Any) -> str:
    """Return the address of a webhook; empty for one that is inactive or gets no pushes."""
    data = mapping(data)
    gets_pushes = data.get("active", True) and {"push", "*"} & set(data.get("events") or ())
    return text(mapping(data.get("config") or {}, "config"), "url", "") if gets_pushes else ""


def pull_view(data: Any) -> PullView:
    """Read a pull request in GitHub's own format, of the API or of an event."""
    data = mapping(data)
    head, base = mapping(data["head"], "head"), mapping(data["base"], "base")
    return PullView(
        number=int(data["number"]),
        open=data["state"] == "open",
        draft=bool(data.get("draft")),
        head_sha=str(head["sha"]),
        head_repository=str((head.get("repo") or {}).get("full_name", "")),
        base_repository=str(base["repo"]["full_name"]),
        author=str((data.get("user") or {}).get("login", "")),
        url=str(data.get("html_url", "")),
    )


def _comment(data: Mapping[str, Any]) -> CommentView:
    return CommentView(int(data["id"]), str(data.get("body") or ""), _login(data.get("user") or {}))


def _login(data: Any) -> str:
    return text(mapping(data), "login", "").lower()


def _deployment(data: Any) -> DeploymentView:
    data = mapping(data)
    return DeploymentView(int(data["id"]), str(data["environment"]), str(data["sha"]))
