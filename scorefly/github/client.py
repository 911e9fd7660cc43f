"""The client of GitHub's REST API: authorized, patient within GitHub's rate limits, listings page by page.

Shapes and limits: https://docs.github.com/rest, API version 2022-11-28, which GitHub Enterprise Server has too.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar

from scorefly import __version__, interruption
from scorefly.http import (
    MAX_PAGES,
    Answer,
    MalformedAnswerError,
    RedirectError,
    api_exchange,
    objects,
    same_origin,
)
from scorefly.problems import ExternalError, Problem, input_error, option_place, shortened

TIMEOUT = 60.0  # seconds for a whole call
MALFORMED_ATTEMPTS = 3
ATTEMPTS = 5
MAX_RETRY_DELAY = 300.0  # seconds before one repetition; GitHub's primary limit may ask for an hour
SECONDARY_LIMIT = 60.0  # seconds to wait where GitHub names no time, by its own advice
PER_PAGE = 100
_BUSY = (500, 502, 503, 504)
_SAFE = ("GET", "PATCH", "DELETE")
T = TypeVar("T")
_STATUS_HINT = "https://www.githubstatus.com shows whether GitHub has a problem"
# A request that GitHub refuses because of what it asks for: no problem of GitHub's.
_REFUSED = {
    404: "check that the repository, the number and the token's permissions are right",
    409: "it is in conflict with what GitHub has: run it again",
    410: "it was deleted or is disabled in the repository's settings",
    422: "GitHub does not accept the values, for the reason it gives",
    451: "GitHub has blocked it for legal reasons",
}


class ForbiddenError(ExternalError):
    """The token may not do what was asked."""


class GitHubClient:
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

    def _pages(
        self, path: str, query: Mapping[str, str], reader: Callable[[Any], T], per_page: int = PER_PAGE
    ) -> Iterator[T]:
        """Yield everything of a listing. GitHub's own links to the next page are followed.

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
        """Call and read the answer's data. A GET whose answer is malformed is repeated. Raises ExternalError."""
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
        """Send one request, repeated while that can help. `repeat` means that doing it twice does no harm."""
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
        """Return the seconds that a rate limit asks to wait, or None without one.

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
    """Return the message of an error, and the details of a validation error."""
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
