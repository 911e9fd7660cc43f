"""HTTP requests within bounds, for every client: one deadline for a whole answer, bytes, redirects and shapes."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from scorefly import interruption

if TYPE_CHECKING:
    import requests

    Auth = Callable[[requests.PreparedRequest], requests.PreparedRequest]

MAX_BYTES = 16 << 20  # of an API's answer, decompressed
MAX_PAGES = 1000
MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK = 1 << 14

T = TypeVar("T")


class MalformedAnswerError(ValueError):
    """An answer does not have the documented form; the message says what is wrong with it."""


class RedirectError(Exception):
    """A redirect leads where the request must not go; the message names the host."""


class Answer(Struct, frozen=True):
    """A whole answer. `content` may be longer than the limit by less than one chunk, if `cut` is set."""

    url: str
    status_code: int
    reason: str
    headers: Mapping[str, str]
    content: bytes
    links: Mapping[str, Mapping[str, str]]
    cut: bool = False

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode("utf-8", "replace")

    @property
    def location(self) -> str:
        """The absolute address of a redirect, or an empty string when this is none."""
        if self.status_code not in _REDIRECTS:
            return ""
        location = self.headers.get("Location", "")
        return urljoin(self.url, location) if location else ""

    def json(self) -> Any:
        """The content as JSON data. Raises MalformedAnswerError."""
        kind = self.headers.get("Content-Type", "").partition(";")[0] or "no Content-Type"
        if not self.content.strip():
            raise MalformedAnswerError(f"the answer is empty (HTTP {self.status_code})")
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise MalformedAnswerError(f"the answer is not JSON ({kind}, HTTP {self.status_code})") from error

    def read(self, reader: Callable[[Any], T]) -> T:
        """Return what `reader` makes of the JSON data. Raises MalformedAnswerError when it cannot use it."""
        data = self.json()
        try:
            return reader(data)
        except MalformedAnswerError:
            raise
        except KeyError as error:
            raise MalformedAnswerError(f"the answer has no {error} (HTTP {self.status_code})") from error
        except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise MalformedAnswerError(f"the answer has an unexpected form (HTTP {self.status_code})") from error


def mapping(data: Any, name: str = "the answer") -> Mapping[str, Any]:
    """The data, which has to be an object. Raises MalformedAnswerError."""
    if not isinstance(data, dict):
        raise MalformedAnswerError(f"{name} is {_kind(data)}, not an object")
    return data


def objects(data: Any, name: str = "the answer") -> list[Mapping[str, Any]]:
    """The data, which has to be a list of objects. Raises MalformedAnswerError."""
    if not isinstance(data, list):
        raise MalformedAnswerError(f"{name} is {_kind(data)}, not a list")
    return [mapping(each, f"an element of {name}") for each in data]


def text(data: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """A string of an object; null and missing mean the default, if there is one. Raises MalformedAnswerError."""
    value = data.get(key)
    value = default if value is None else value
    if not isinstance(value, str) or (default is None and not value):
        raise MalformedAnswerError(f"{key} is {_kind(value)}, not a string")
    return value


def _kind(data: Any) -> str:
    if data is None:
        return "missing or null"
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return names.get(type(data), "a number")


def exchange(
    session: requests.Session,
    method: str,
    url: str,
    *,
    seconds: float,
    connect: float = 10.0,
    max_bytes: int = MAX_BYTES,
    **options: Any,
) -> Answer:
    """Send one request and read the whole answer; redirects are returned, not followed.

    `seconds` bounds everything from connecting to the last byte, however slowly the bytes arrive. Socket timeouts
    cannot do that, because every byte starts them anew, so another thread reads and is left to itself at the
    deadline. Raises requests.RequestException, ReadTimeout at the deadline.
    """
    import requests

    results: _Results = SimpleQueue()
    deadline = time.monotonic() + seconds
    interruption.check()

    def work() -> Answer:
        timeout = (min(connect, seconds), seconds)
        with session.request(
            method, url, timeout=timeout, allow_redirects=False, stream=True, auth=no_netrc, **options
        ) as answer:
            return _whole(answer, deadline, max_bytes)

    _in_another_thread(work, results)
    result: Answer | BaseException | None = None
    while result is None:
        left = min(deadline - time.monotonic(), interruption.remaining(interruption.REQUESTS))
        try:
            result = results.get(timeout=max(min(left, interruption.WAKE), 0.0))
        except Empty:
            interruption.check(interruption.IN_FLIGHT)
            if left <= 0:
                raise requests.ReadTimeout(f"no whole answer within {seconds:.0f} s") from None
    if isinstance(result, BaseException):
        raise result
    return result


_Results = SimpleQueue[Answer | BaseException]
_Inbox = SimpleQueue[tuple[Callable[[], Answer], _Results]]
_idle: list[_Inbox] = []


def _in_another_thread(work: Callable[[], Answer], results: _Results) -> None:
    """Do a request in a thread that waits for one, or in a new one: most are shorter than the start of a thread."""
    try:
        inbox = _idle.pop()
    except IndexError:
        inbox = SimpleQueue()
        threading.Thread(target=_do_requests, args=(inbox,), daemon=True, name="http").start()
    inbox.put((work, results))


def _do_requests(inbox: _Inbox) -> None:
    while True:
        _do_request(inbox, *inbox.get())


def _do_request(inbox: _Inbox, work: Callable[[], Answer], results: _Results) -> None:
    """Do one request: whoever has its result finds this thread idle, and nothing of the request stays here."""
    try:
        answer = work()
    except BaseException as error:  # noqa: BLE001 - raised again where the answer is waited for
        _idle.append(inbox)
        results.put(error)
    else:
        _idle.append(inbox)
        results.put(answer)


def _whole(answer: requests.Response, deadline: float, max_bytes: int) -> Answer:
    import requests

    body = bytearray()
    for chunk in answer.iter_content(_CHUNK):
        body += chunk
        if len(body) > max_bytes:
            break
        if time.monotonic() >= deadline:
            raise requests.ReadTimeout("no whole answer in time")
    reason = answer.reason or ""
    cut = len(body) > max_bytes
    return Answer(answer.url, answer.status_code, reason, answer.headers, bytes(body), answer.links, cut)


def api_exchange(session: requests.Session, method: str, url: str, *, seconds: float, **options: Any) -> Answer:
    """Send one request of an API client with a token.

    Only a GET follows redirects: to another origin it goes without the token, and never from https to http.
    Raises RedirectError, MalformedAnswerError for an answer that is too long, and requests.RequestException.
    """
    deadline = time.monotonic() + seconds
    first = url
    for _ in range(MAX_REDIRECTS + 1):
        left = max(deadline - time.monotonic(), 0.001)
        answer = exchange(session, method, url, seconds=left, **options)
        if answer.cut:
            raise MalformedAnswerError(f"the answer has more than {MAX_BYTES >> 20} MiB")
        target = answer.location
        if not target:
            return answer
        if method != "GET":
            raise RedirectError(f"a redirect to {_host(target)} (HTTP {answer.status_code}), which is not followed")
        if not same_origin(first, target):
            check_redirect(first, target)
            options = {**options, "headers": {**options.get("headers", {}), "Authorization": None}}
        options.pop("params", None)
        url = target
    raise RedirectError(f"more than {MAX_REDIRECTS} redirects")


def same_origin(one: str, other: str) -> bool:
    """Decide whether two addresses have the same scheme, host and port."""
    return _origin(one) == _origin(other) != ("", "", 0)


def _origin(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0


def _host(url: str) -> str:
    return _origin(url)[1] or "an invalid address"


def check_redirect(first: str, target: str) -> None:
    """Raise RedirectError for a target that a request to `first` must not be led to.

    From outside nothing leads to this machine, its link-local network (cloud metadata), or from https to http.
    """
    scheme, host, _ = _origin(target)
    if scheme not in ("https", "http") or not host or "@" in urlsplit(target).netloc:
        raise RedirectError("a redirect to an invalid address")
    if is_loopback(first):
        if scheme == "http" and not is_loopback(target):
            raise RedirectError(f"a redirect to {host} over http://")
        return
    if scheme != "https":
        raise RedirectError(f"a redirect to {host} over http://")
    if any(_is_internal(address) for address in _addresses(host)):
        raise RedirectError(f"a redirect to {host}, which is an internal address")


def _addresses(host: str) -> list[IPv4Address | IPv6Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return [ip_address(str(address[0]).partition("%")[0]) for *_, address in found]
    except (OSError, ValueError, UnicodeError):
        return []  # a proxy may know it; otherwise the request fails


def _is_internal(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    internal = address.is_loopback or address.is_link_local or address.is_unspecified
    return internal or str(address) in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16")


def is_loopback(url: str) -> bool:
    """Decide whether the address is one of this machine."""
    host = _origin(url)[1]
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave authentication to the headers: requests would replace them with a password of ~/.netrc."""
    return request
