"""The client of Fly's Machines API: authorized, patient with a busy server, careful with what is not safe to repeat.

Endpoints and shapes: the published OpenAPI document; where Fly's own client differs, the client is followed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote

from scorefly import __version__, interruption
from scorefly.fly.api.errors import STATUS_HINT, answered_error, malformed, unreachable
from scorefly.http import MAX_PAGES, Answer, MalformedAnswerError, RedirectError, api_exchange, mapping, objects, text
from scorefly.problems import ExternalError, InputError, Problem, option_place, shortened
from scorefly.values import worth_hiding

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT = 10.0  # seconds
CALL_TIMEOUT = 90.0  # for a whole call: waiting for a Machine may take 60
ATTEMPTS = 5
MAX_RETRY_DELAY = 30.0  # seconds before one repetition, whatever Retry-After says
MALFORMED_ATTEMPTS = 3
_BUSY = (500, 502, 503, 504)
# States of things that are on their way out: Fly's own client does not list them either.
LEAVING = ("scheduling_destroy", "fork_cleanup", "waiting_for_detach", "pending_destroy", "destroying", "destroyed")

T = TypeVar("T")


class FlyClient:
    """A client for one run; safe to use from several threads.

    `before_change` is called before every request that may change something; what it raises stops the request.
    """

    def __init__(
        self,
        token: str,
        base_url: str = "https://api.machines.dev",
        *,
        platform_url: str = "https://api.fly.io",
        sleep: Callable[[float], None] = interruption.sleep,
        connections: int = 16,
    ) -> None:
        if not token:
            hint = "set fly-api-token or FLY_API_TOKEN; `fly tokens create org` makes one; `rehearse` needs none"
            raise InputError(Problem("there is no Fly API token", hint, option_place("fly-api-token")))
        self._token = token
        self._base = base_url.rstrip("/") + "/v1"
        self.platform = platform_url.rstrip("/") + "/api/v1"
        self._graphql = platform_url.rstrip("/")
        self.sleep = sleep
        self.before_change: Callable[[], None] = lambda: None
        self._session = open_session(token, connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def read(
        self,
        method: str,
        path: str,
        reader: Callable[[Any], T],
        *,
        refused: Callable[[int], T] | None = None,
        **kwargs: Any,
    ) -> T:
        """Call and read the answer's data; `refused` gets the status of an accepted error.

        A GET whose answer is malformed is repeated. Raises ExternalError.
        """
        attempts = MALFORMED_ATTEMPTS if method == "GET" else 1
        for attempt in range(1, attempts + 1):
            answer = self.call(method, path, **kwargs)
            if refused and answer.status_code >= 300:
                return refused(answer.status_code)
            try:
                return answer.read(reader)
            except MalformedAnswerError as error:
                if attempt == attempts:
                    raise malformed(method, path, error) from error
            self.sleep(_patience(attempt, ""))
        raise AssertionError("the last attempt returns or raises")

    def call(
        self,
        method: str,
        path: str,
        *,
        accept: tuple[int, ...] = (),
        repeat: bool = False,
        hidden: list[str] | None = None,
        base: str = "",
        **kwargs: Any,
    ) -> Answer:
        """One request, repeated while that can help. `repeat` says that doing it twice is doing it once.

        What is not safe to repeat is repeated only when Fly cannot have begun with it: it did not answer the
        connection, or said 429.
        """
        import requests

        safe = repeat or method in ("GET", "PUT", "DELETE")
        url = (base or self._base) + quote(path)
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            if method != "GET":
                self.before_change()
            try:
                answer = api_exchange(
                    self._session, method, url, seconds=CALL_TIMEOUT, connect=CONNECT_TIMEOUT, **kwargs
                )
            except requests.ConnectTimeout as error:
                if last:
                    raise unreachable(method, path, error) from error
            except (RedirectError, MalformedAnswerError) as error:
                raise malformed(method, path, error) from error
            except requests.RequestException as error:
                if last or not (safe or _never_connected(error)):
                    raise unreachable(method, path, error) from error
            else:
                if answer.status_code < 300 or answer.status_code in accept:
                    return answer
                if last or not (answer.status_code == 429 or (safe and answer.status_code in _BUSY)):
                    raise self.error(answer, f"Fly refused {method} {path}", hidden or [])
                self.sleep(_patience(attempt, answer.headers.get("Retry-After", "")))
                continue
            self.sleep(_patience(attempt, ""))
        raise AssertionError("the last attempt returns or raises")

    def delete(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        listing: str = "",
        listed: Callable[[Any], bool] | None = None,
    ) -> None:
        """Removes something. A 404 is believed once a GET agrees: the one of `path`, or of a listing.

        Raises ExternalError when Fly shows what it says it does not have.
        """
        for _ in range(2):
            if self.call("DELETE", path, params=params or {}, accept=(404,)).status_code != 404:
                return
            there = self.read(
                "GET", listing or path, listed or is_there, accept=(403, 404), refused=lambda _status: False
            )
            if not there:
                return
        raise ExternalError(Problem(f"Fly does not delete {path}: it answers 404, and shows it", STATUS_HINT))

    def pages(self, path: str, key: str, missing: set[str] | None = None) -> list[Mapping[str, Any]]:
        """All pages of a listing. Regions that did not answer are added to `missing`."""

        def read(data: Any) -> tuple[list[Mapping[str, Any]], str]:
            page = mapping(data)
            if missing is not None:
                missing.update(map(str, page.get("error_regions") or ()))
            return objects(page.get(key) or [], key), text(page, "next_cursor", "")

        cursor, cursors, found = "", {""}, list[Mapping[str, Any]]()
        for _ in range(MAX_PAGES):
            query = {"limit": "1000", **({"cursor": cursor} if cursor else {})}
            page, cursor = self.read("GET", path, read, params=query)
            found += page
            if not cursor:
                return found
            if cursor in cursors:
                raise ExternalError(Problem(f"Fly's listing {path} repeats a page", STATUS_HINT))
            cursors.add(cursor)
        raise ExternalError(Problem(f"Fly's listing {path} has more than {MAX_PAGES} pages", STATUS_HINT))

    def error(self, answer: Answer, what: str, hidden: Sequence[str] = ()) -> ExternalError:
        """Return the error of an answer, without the token and the `hidden` texts."""
        # The rehearsal's own token is a plain word.
        token = [self._token] if worth_hiding(self._token) else []
        return answered_error(answer, what, [*token, *hidden])

    def read_platform(self, method: str, path: str, reader: Callable[[Any], T], **kwargs: Any) -> T:
        """Call what is beside the Machines API, and read the answer's data."""
        found: T = self.read(method, path, reader, base=self.platform, **kwargs)
        return found

    def send_platform(self, method: str, path: str, **kwargs: Any) -> None:
        """Call what is beside the Machines API, for what it does."""
        self.call(method, path, base=self.platform, **kwargs)

    def graphql(self, query: str, variables: Mapping[str, Any], reader: Callable[[Mapping[str, Any]], T]) -> T:
        """Send a GraphQL request, and read its data. Never repeated. Raises ExternalError with Fly's words."""

        def read(answer: Any) -> T:
            data = mapping(answer)
            errors = objects(data.get("errors") or [], "errors")
            if errors:
                words = shortened(text(errors[0], "message", ""), 300)
                raise ExternalError(Problem(f"Fly refused {query.split('(')[0].split()[-1]}: {words}"))
            return reader(mapping(data.get("data") or {}))

        body = {"query": query, "variables": dict(variables)}
        found: T = self.read("POST", "/graphql", read, base=self._graphql, json=body)
        return found


def in_network(network: str) -> dict[str, str]:
    """Return the key of a request that names a private network; none for the organization's default network."""
    return {"network": network} if network else {}


def is_there(data: Any) -> bool:
    """Report whether something that Fly shows is more than a memory: it remembers Machines and volumes for a while."""
    return mapping(data).get("state") not in LEAVING


def open_session(token: str, connections: int) -> requests.Session:
    """Return a session with the token's header, for several threads."""
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    scheme = "FlyV1" if token.startswith(("FlyV1 ", "fm1r_", "fm1a_", "fm2_")) else "Bearer"
    token = token.removeprefix("FlyV1 ").removeprefix("Bearer ")
    session.headers.update({"Authorization": f"{scheme} {token}", "User-Agent": f"scorefly/{__version__}"})
    return session


def _never_connected(error: Exception) -> bool:
    from urllib3.exceptions import NewConnectionError

    return any(isinstance(getattr(each, "reason", None), NewConnectionError) for each in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    yield error
    for argument in error.args:
        if isinstance(argument, BaseException):
            yield from _chain(argument)


def _patience(attempt: int, retry_after: str) -> float:
    if retry_after.isdecimal():
        return min(float(retry_after), MAX_RETRY_DELAY)
    return random.uniform(0, min(MAX_RETRY_DELAY, 0.5 * 2**attempt))  # noqa: S311 - jitter needs no secrecy
