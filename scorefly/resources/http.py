"""`https://`: a server that is sent a question, by POST to provision and by DELETE to deprovision."""

from __future__ import annotations

import json
import random
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from scorefly import __version__, interruption
from scorefly.http import exchange, is_loopback
from scorefly.problems import ExternalError, InputError, Problem, input_error, shortened
from scorefly.resources.calls import Call
from scorefly.resources.protocol import MAX_ANSWER
from scorefly.values import reveal_text

if TYPE_CHECKING:
    import requests

ATTEMPTS = 5
CONNECT_TIMEOUT = 10.0  # seconds
MAX_RETRY_DELAY = 60.0  # seconds
MAX_REASON = 300  # characters

HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t -~\x80-\xff]*")
_BUSY = frozenset({429, *range(500, 600)} - {501, 505})
_GONE = 410


class Server(Struct, frozen=True):
    """A server at one address. A redirect is not followed: state and headers are for this address alone."""

    url: str

    def send(self, call: Call) -> None:
        """Asks, and again where that may help: no answer, 429, 5xx. By the protocol asking twice is asking once."""
        import requests

        deadline = time.monotonic() + call.timeout
        headers = _headers(call)
        with requests.Session() as session:
            # A proxy between us and ourselves would only learn what it should not know.
            session.trust_env = not is_loopback(self.url)
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    busy, retry_after = self._ask(session, call, headers, deadline)
                    if busy is None:
                        return
                except requests.RequestException as error:
                    busy, retry_after = _unreachable(call, error), ""
                    if not _may_pass(error):
                        raise busy from error
                patience = _patience(attempt, retry_after)
                if attempt == ATTEMPTS or time.monotonic() + patience >= deadline:
                    raise busy
                interruption.sleep(patience)

    def _ask(
        self, session: requests.Session, call: Call, headers: dict[str, str], deadline: float
    ) -> tuple[ExternalError | None, str]:
        """One request. Returns why it is worth another one (None: it is done), and the server's Retry-After."""
        left = max(deadline - time.monotonic(), 0.1)
        method = "DELETE" if call.mode == "deprovision" else "POST"
        answer = exchange(
            session,
            method,
            self.url,
            seconds=left,
            connect=CONNECT_TIMEOUT,
            max_bytes=MAX_ANSWER,
            data=call.question,
            headers=headers,
        )
        call.heard(answer.content)
        status = answer.status_code
        if status < 300 or (status == _GONE and call.mode == "deprovision"):
            if status == _GONE:
                call.heard(b"")
            return None, ""
        if status < 400:
            raise call.failed(f"it redirects (HTTP {status}), and calls stay at their address", "mend the uri")
        reason = _reason(answer.content) or answer.reason
        failure = call.failed(f"{reason} (HTTP {status})", _HINTS.get(status, ""))
        if status in _BUSY:
            return failure, answer.headers.get("Retry-After", "")
        raise failure


_HINTS = {
    401: "check the headers of the entry",
    403: "check the headers of the entry",
    404: "check the uri",
    405: "the server has to take POST to provision and DELETE to deprovision",
}


def check_url(url: str, *, insecure: bool) -> None:
    """Raises InputError, without a place, for an address that state must not be sent to."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host:
        raise input_error(f"{url!r} is not an address", "for example https://provisioner.example/queue")
    if parts.username is not None:
        raise input_error("the address holds a user or password", "give it in headers, from a GitHub secret")
    if parts.scheme == "http" and not (insecure or is_loopback(url)):
        hint = "write https://, or insecure: true where the network between is trusted"
        raise input_error("http:// sends state and secrets in clear", hint)


def _headers(call: Call) -> dict[str, str]:
    for name, text in call.texts.items():
        if not _HEADER_VALUE.fullmatch(reveal_text(text)):
            hint = "a header is one line of ASCII or Latin-1"
            raise InputError(Problem(f"headers.{name} holds what no header can", hint, call.place))
    return {
        **{name: reveal_text(text).strip() for name, text in call.texts.items()},
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": f"scorefly/{__version__}",
        "Score-Provisioner-Mode": call.mode,
    }


def _reason(body: bytes) -> str:
    """Return what the server says went wrong, in the keys where servers say it."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    found = [data.get(key) for key in ("error", "message", "detail")] if isinstance(data, dict) else []
    return next((shortened(" ".join(text.split()), MAX_REASON) for text in found if isinstance(text, str)), "")


def _unreachable(call: Call, error: Exception) -> ExternalError:
    return call.failed(f"it cannot be reached: {type(error).__name__}", "check the uri, and that the server runs")


def _may_pass(error: requests.RequestException) -> bool:
    from requests import ConnectionError as Unreached
    from requests.exceptions import ChunkedEncodingError, ReadTimeout, SSLError

    return isinstance(error, Unreached | ChunkedEncodingError) and not isinstance(error, SSLError | ReadTimeout)


def _patience(attempt: int, retry_after: str) -> float:
    """Seconds to wait: what the server says, as a number or a date, else longer each time."""
    from email.utils import parsedate_to_datetime

    if retry_after.isdecimal():
        return min(float(retry_after), MAX_RETRY_DELAY)
    try:
        expected = parsedate_to_datetime(retry_after).timestamp() - time.time()
    except ValueError:
        return random.uniform(0, 0.25 * 2**attempt)  # noqa: S311 - jitter needs no secrecy
    return min(max(expected, 0.0), MAX_RETRY_DELAY)
