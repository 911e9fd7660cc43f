"""Access to pages and actions: two tokens, a cookie made from one of them, and form tokens."""

from __future__ import annotations

import hmac
import secrets
import time
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from scorefly.listen.limits import FailureLimit, client_name
from scorefly.listen.settings import Settings

Level = Literal["", "read", "act"]

COOKIE = "scorefly_session"
LIFE = 12 * 3600  # seconds


class TooManyFailuresError(Exception):
    """A client gave wrong tokens too often."""


class Access:
    """Decides what a request may do. A session is signed with a key that changes with the tokens."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._failures = FailureLimit()
        material = f"{settings.read_token}\0{settings.act_token}".encode()
        has_tokens = settings.read_token or settings.act_token
        self._key = hmac.digest(material, b"scorefly session", "sha256") if has_tokens else secrets.token_bytes(32)

    def level(self, request: Request) -> Level:
        """Return what a request may do, by its Authorization header or its cookie. Raises TooManyFailuresError."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.level_of(request, token.strip())
        return self._session_level(request.cookies.get(COOKIE, ""))

    def level_of(self, request: Request, token: str) -> Level:
        """Return what a token allows; a wrong one counts as a failure. Raises TooManyFailuresError."""
        client = self._client(request)
        if self._failures.is_exceeded(client, time.monotonic()):
            raise TooManyFailuresError
        acts, reads = (_equals(token, each) for each in (self._settings.act_token, self._settings.read_token))
        if not acts and not reads:
            self._failures.add(client, time.monotonic())
        return "act" if acts else "read" if reads else ""

    def has_cookie(self, request: Request) -> bool:
        """Report whether a request is judged by its cookie: then it needs a form token to change anything."""
        return "authorization" not in request.headers

    def begin_session(self, response: Response, level: Level) -> None:
        """Put a session into a cookie."""
        content = f"{level}.{int(time.time()) + LIFE}.{secrets.token_hex(16)}"
        value = f"{content}.{self._sign('session', content)}"
        self._set_cookie(response, value, LIFE)

    def end_session(self, response: Response) -> None:
        """Remove the cookie."""
        self._set_cookie(response, "", 0)

    def _set_cookie(self, response: Response, value: str, seconds: int) -> None:
        secure = "; Secure" if self._settings.behind_fly else ""
        attributes = f"Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict{secure}"
        response.headers["Set-Cookie"] = f"{COOKIE}={value}; {attributes}"

    def form_token(self, request: Request) -> str:
        """Return the token that the forms of this session carry."""
        return self._sign("form", request.cookies.get(COOKIE, ""))

    def is_form_token(self, request: Request, token: str) -> bool:
        """Report whether a form was made for this session."""
        return _equals(token, self.form_token(request))

    def _session_level(self, cookie: str) -> Level:
        content, _, signature = cookie.rpartition(".")
        if not content or not _equals(signature, self._sign("session", content)):
            return ""
        level, expiry, _ = content.split(".")
        if int(expiry) < time.time():
            return ""
        return "act" if level == "act" else "read"

    def _sign(self, purpose: str, content: str) -> str:
        return hmac.digest(self._key, f"{purpose}:{content}".encode(), "sha256").hex()

    def _client(self, request: Request) -> str:
        direct = request.client.host if request.client else ""
        return client_name(request.headers.get("fly-client-ip", direct) if self._settings.behind_fly else direct)


def _equals(one: str, other: str) -> bool:
    """Compare in constant time; an empty token equals nothing."""
    return bool(other) and hmac.compare_digest(one.encode(), other.encode())
