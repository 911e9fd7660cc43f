"""Receives deliveries: `POST /hooks/<sender>`.

Order of work: path, method, length, headers, failures of the client, digest while the body arrives, comparison, and
only then its content. 202 means that the event is on disk.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from scorefly.listen.deliveries import accept
from scorefly.listen.hosts import SENDERS, Sender
from scorefly.listen.hosts.event import MalformedPayloadError
from scorefly.listen.hosts.signature import Check
from scorefly.listen.limits import MAX_BODY, BodyBudget, FailureLimit, client_name
from scorefly.listen.service import Service

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class RefusedError(Exception):
    """A request that is refused: its status and a word for the sender."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers or {}


class Intake:
    """An ASGI application for all senders."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._settings = service.settings
        self._failures = FailureLimit()
        self._bodies = BodyBudget()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        name = request.path_params["sender"]
        try:
            response: Response = JSONResponse({"result": await self._receive(name, request)}, 202)
        except RefusedError as refusal:
            response = JSONResponse({"error": refusal.message}, refusal.status, dict(refusal.headers))
        except ClientDisconnect:
            return
        shown = name if name in SENDERS else "unknown"
        self._service.metrics.deliveries.labels(shown, str(response.status_code)).inc()
        await response(scope, receive, send)

    async def _receive(self, name: str, request: Request) -> str:
        sender, secrets = SENDERS.get(name), self._settings.secrets.get(name, ())
        if sender is None or not secrets:
            raise RefusedError(404, "unknown sender" if sender is None else f"no secret is set for {name}")
        if request.method != "POST":
            raise RefusedError(405, "use POST", {"Allow": "POST"})
        length = self._length(request)
        headers = _headers(request)
        check = sender.begin(headers, secrets, time.time())
        client = self._client(request)
        if self._failures.is_exceeded(client, time.monotonic()):
            raise RefusedError(429, "too many failures", {"Retry-After": "60"})
        if check is None:
            self._failures.add(client, time.monotonic())
            raise RefusedError(401, "not signed")
        if self._service.stopping:
            raise RefusedError(503, "shutting down", {"Retry-After": "30"})
        if not self._bodies.fits(length):
            raise RefusedError(503, "too many deliveries at a time", {"Retry-After": "5"})
        with self._bodies.hold(length):
            body = await self._body(request, length, check)
            if not check.matches():
                self._failures.add(client, time.monotonic())
                raise RefusedError(401, "wrong signature")
            return await self._accept(sender, headers, body)

    def _length(self, request: Request) -> int:
        text = request.headers.get("content-length", "")
        if not text.isdecimal() or not text.isascii() or "transfer-encoding" in request.headers:
            raise RefusedError(411, "give Content-Length")
        if len(text) > 12 or int(text) > MAX_BODY:
            raise RefusedError(413, f"a body may have {MAX_BODY >> 20} MiB")
        return int(text)

    def _client(self, request: Request) -> str:
        direct = request.client.host if request.client else ""
        return client_name(request.headers.get("fly-client-ip", direct) if self._settings.behind_fly else direct)

    async def _body(self, request: Request, length: int, check: Check) -> bytes:
        """Read the body under a deadline, and its digest with it."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._settings.read_timeout):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > length:
                        raise RefusedError(400, "the body is longer than Content-Length")
                    check.feed(chunk)
        except TimeoutError:
            raise RefusedError(408, "the body did not arrive in time", {"Connection": "close"}) from None
        return bytes(body)

    async def _accept(self, sender: Sender, headers: Mapping[str, str], body: bytes) -> str:
        try:
            event = sender.read(headers, body)
        except MalformedPayloadError as error:
            raise RefusedError(400, str(error)) from error
        try:
            is_due = await self._service.ledger.call(accept, sender.name, event, time.time())
        except sqlite3.Error as error:
            self._service.log(f"ledger: {error}")
            raise RefusedError(503, "the ledger cannot be written", {"Retry-After": "30"}) from error
        if is_due:
            self._service.wake()
            return "accepted"
        return "nothing to do"


def _headers(request: Request) -> Mapping[str, str]:
    """Return the headers by lower-case name. One that is repeated is joined, and so matches no signature."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
