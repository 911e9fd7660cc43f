"""GitHub's REST API, as much of it as scorefly needs: typed answers, patient within GitHub's rate limits.

Shapes and limits: https://docs.github.com/rest, API version 2022-11-28, which GitHub Enterprise Server has too.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar
from urllib.parse import quote

from msgspec import Struct

from scorefly import __version__, interruption
from scorefly.http import (
    MAX_PAGES,
    Answer,
    MalformedAnswerError,
    RedirectError,
    api_exchange,
    mapping,
    objects,
    same_origin,
    text,
)
from scorefly.problems import ExternalError, Problem, input_error, option_place, shortened

TIMEOUT = 60.0  # seconds for a whole call
MALFORMED_ATTEMPTS = 3
ATTEMPTS = 5
MAX_RETRY_DELAY = 300.0  # seconds before one repetition; GitHub's primary limit may ask for an hour
SECONDARY_LIMIT = 60.0  # seconds to wait where GitHub names no time, by its own advice
PER_PAGE = 100
WORKFLOW_LOGIN = "github-actions[bot]"  # who a workflow's own token is
_BUSY = (500, 502, 503, 504)
_NOT_ALLOWED = (401, 403, 404)  # answers to a token that may not
_SAFE = ("GET", "PATCH", "DELETE")
T = TypeVar("T")


class ForbiddenError(ExternalError):
    """The token may not do what was asked."""


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


class GitHubApi:
    """A client for one repository and one run. Requests go out one after the other, as GitHub asks."""

    def __init__(
        self,
        token: str,
        repository: str,
        base_url: str = "https://api.github.com",
        *,
        sleep: Callable[[float], None] = interruption.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not token:
            hint = "set github-token or GITHUB_TOKEN"
            raise input_error("there is no GitHub token", hint, option_place("github-token"))
        if not re.fullmatch(r"[\w-]+/(?!\.{1,2}$)[\w.-]+", repository, re.ASCII):
            raise input_error(f"GITHUB_REPOSITORY is {repository!r}, no owner/name", "run this in a workflow")
        import requests

        self._token = token
        self._server = f"{base_url.rstrip('/')}/"
        self._base = f"{self._server}repos/{repository}"
        self._sleep = sleep
        self._clock = clock
        self._session = requests.Session()
        self._session.headers.update(
            {
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": f"scorefly/{__version__}",
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def pull(self, number: int) -> PullView | None:
        """The pull request, or None when there is none of that number or the token may not see it."""
        return self._read("GET", f"/pulls/{number}", pull_view, accept=(403, 404))

    def open_pulls(self) -> Mapping[int, PullView]:
        """All open pull requests by number."""
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

    def _pages(
        self, path: str, query: Mapping[str, str], reader: Callable[[Any], T], per_page: int = PER_PAGE
    ) -> Iterator[T]:
        """Yield everything of a listing. Where the next page is, GitHub says; it is never made up.

        A listing without a size of its pages takes `per_page` 0.
        """
        following, seen = path, set[str]()
        kwargs: dict[str, Any] = {"params": {**query, **({"per_page": str(per_page)} if per_page else {})}}
        for _ in range(MAX_PAGES):
            page, answer = self._answer(
                "GET", following, lambda data: [reader(each) for each in objects(data)], **kwargs
            )
            yield from page or ()
            following, kwargs = answer.links.get("next", {}).get("url", ""), {}
            if not following:
                return
            if not (following.startswith(self._server) and same_origin(following, self._server)):
                raise ExternalError(Problem("GitHub names another server for the next page", "check GITHUB_API_URL"))
            if following in seen:
                raise ExternalError(Problem(f"GitHub's listing {path} repeats a page", _STATUS_HINT))
            seen.add(following)
        raise ExternalError(Problem(f"GitHub's listing {path} has more than {MAX_PAGES} pages", _STATUS_HINT))

    def _need(self, method: str, path: str, reader: Callable[[Any], T], **kwargs: Any) -> T:
        """Call and read the answer's data."""
        found = self._read(method, path, reader, **kwargs)
        if found is None:
            raise AssertionError("only an accepted error has no data")
        return found

    def _read(self, method: str, path: str, reader: Callable[[Any], T], **kwargs: Any) -> T | None:
        """Call and read the answer's data, or return None for an accepted error."""
        return self._answer(method, path, reader, **kwargs)[0]

    def _answer(self, method: str, path: str, reader: Callable[[Any], T], **kwargs: Any) -> tuple[T | None, Answer]:
        """Call and read the answer's data. A GET whose answer is malformed is repeated. Raises OutsideError."""
        attempts = MALFORMED_ATTEMPTS if method == "GET" else 1
        for attempt in range(1, attempts + 1):
            answer = self._call(method, path, **kwargs)
            if answer.status_code >= 300:
                return None, answer
            try:
                return answer.read(reader), answer
            except MalformedAnswerError as error:
                if answer.status_code == 202 and method != "GET":
                    about = f"GitHub has not done {method} {path} yet: {_reason(answer)} (HTTP 202)"
                    raise ExternalError(Problem(about, "run it again")) from error
                if attempt == attempts:
                    raise self._malformed(method, path, error) from error
            self._sleep(_backoff(attempt))
        raise AssertionError("the last attempt returns or raises")

    def _malformed(self, method: str, path: str, error: Exception) -> ExternalError:
        path = f"/{path.removeprefix(self._server)}".partition("?")[0] if path.startswith("http") else path
        about = f"GitHub answered {method} {path} with something unexpected: {error}"
        return ExternalError(Problem(about, "check GITHUB_API_URL and any proxy; " + _STATUS_HINT))

    def _call(
        self, method: str, path: str, *, accept: tuple[int, ...] = (), repeat: bool = False, **kwargs: Any
    ) -> Answer:
        """One request, repeated while that can help. `repeat` says that doing it twice does no harm."""
        import requests

        safe = repeat or method in _SAFE
        url = path if path.startswith("http") else self._base + path
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            try:
                # A redirected POST would come out as a GET; GitHub redirects where a repository has moved.
                answer = api_exchange(self._session, method, url, seconds=TIMEOUT, **kwargs)
            except (RedirectError, MalformedAnswerError) as error:
                raise self._malformed(method, path, error) from error
            except requests.RequestException as error:
                if last or not (safe or isinstance(error, requests.ConnectTimeout)):
                    raise _unreachable(error) from error
                self._sleep(_backoff(attempt))
                continue
            limited = self._limited(answer, attempt)
            if limited is None and (answer.status_code < 300 or answer.status_code in accept):
                return answer
            if limited is not None and not last and limited <= MAX_RETRY_DELAY:
                self._sleep(limited)
            elif safe and not last and answer.status_code in _BUSY:
                self._sleep(_backoff(attempt))
            else:
                raise self._error(method, url, answer, limited)
        raise AssertionError("the last attempt returns or raises")

    def _limited(self, answer: Answer, attempt: int) -> float | None:
        """Seconds that a rate limit asks to wait, or None when there is none.

        GitHub answers 403 or 429, and a 403 may also mean that the token may not: only the headers and, for
        the secondary limit, the words tell the two apart.
        """
        if answer.status_code not in (403, 429):
            return None
        retry_after = answer.headers.get("Retry-After", "")
        if retry_after.isdecimal():
            return float(retry_after)
        reset = answer.headers.get("X-RateLimit-Reset", "")
        if answer.headers.get("X-RateLimit-Remaining") == "0" and reset.isdecimal():
            return max(0.0, float(reset) - self._clock()) + 1
        if answer.status_code == 429 or "rate limit" in _reason(answer).lower():
            return SECONDARY_LIMIT * float(2 ** (attempt - 1))
        return None

    def _error(self, method: str, url: str, answer: Answer, limited: float | None) -> ExternalError:
        reason = _reason(answer).replace(self._token, "***")
        path = f"/{url.removeprefix(self._server)}".partition("?")[0]
        request_id = answer.headers.get("X-GitHub-Request-Id", "")
        named = f", request {request_id}" if request_id else ""
        hint = f"GitHub's rate limit is used up for {limited:.0f} s: try again then" if limited else _hint(answer)
        what = f"GitHub refused {method} {path}: {reason} (HTTP {answer.status_code}{named})"
        forbidden = answer.status_code == 403 and limited is None
        return (ForbiddenError if forbidden else ExternalError)(Problem(what, hint))


def _push_url(data: Any) -> str:
    """Return the address of a webhook; empty for one that is inactive or gets no pushes."""
    data = mapping(data)
    gets_pushes = data.get("active", True) and {"push", "*"} & set(data.get("events") or ())
    return text(mapping(data.get("config") or {}, "config"), "url", "") if gets_pushes else ""


def pull_view(data: Any) -> PullView:
    """A pull request in GitHub's own format, of the API or of an event."""
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


_STATUS_HINT = "https://www.githubstatus.com shows whether GitHub has a problem"
# A request that GitHub refuses because of what it asks for: no problem of GitHub's.
_REFUSED = {
    404: "check that the repository, the number and the token's permissions are right",
    409: "it is in conflict with what GitHub has: run it again",
    410: "it was deleted or is disabled in the repository's settings",
    422: "GitHub does not accept the values, for the reason it gives",
    451: "GitHub has blocked it for legal reasons",
}


def _hint(answer: Answer) -> str:
    accepted = answer.headers.get("X-Accepted-GitHub-Permissions", "")
    if answer.status_code in (403, 404) and accepted:
        return f"give the job's token what it needs under permissions: {accepted.replace('=', ': ')}"
    return {
        401: "the GitHub token is not accepted: check github-token",
        403: "the GitHub token may not do this: check the job's permissions",
        **_REFUSED,
    }.get(answer.status_code, _STATUS_HINT if answer.status_code >= 500 else "")


def _reason(answer: Answer) -> str:
    """The message of an error, and the details of a validation error: texts, or objects with a message or code."""
    try:
        data = answer.json()
    except MalformedAnswerError:
        data = None
    found = data if isinstance(data, dict) else {}
    errors = found.get("errors")
    details = filter(None, map(_detail, errors if isinstance(errors, list) else [errors]))
    reason = ": ".join(filter(None, (str(found.get("message") or answer.reason), "; ".join(details))))
    return shortened(" ".join(reason.split()), 300)


def _detail(error: object) -> str:
    if not isinstance(error, dict):
        return error if isinstance(error, str) else ""
    words = ("message",) if error.get("message") else ("resource", "field", "code")
    return " ".join(str(error[word]) for word in words if error.get(word))


def _unreachable(error: Exception) -> ExternalError:
    message = f"GitHub cannot be reached: {type(error).__name__}"
    return ExternalError(Problem(message, "check the network, GITHUB_API_URL, and https://www.githubstatus.com"))


def _backoff(attempt: int) -> float:
    return random.uniform(0, min(30.0, 0.5 * 2**attempt))  # noqa: S311 - jitter needs no secrecy
