"""The API (JSON), health and metrics."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from scorefly.listen import overview
from scorefly.listen.access import Access, TooManyFailuresError
from scorefly.listen.ledger import Ledger
from scorefly.listen.metrics import CONTENT_TYPE
from scorefly.listen.service import Service

MAX_REQUEST = 64 << 10  # bytes
STALE_POLLS = 3  # polls that may fail before the listener is not ready


class Api:
    """JSON for programs."""

    def __init__(self, service: Service, access: Access) -> None:
        self._service = service
        self._access = access

    async def units(self, request: Request) -> Response:
        """Return all units with their apps."""
        return await self._answer(request, overview.units)

    async def repositories(self, request: Request) -> Response:
        """Return the followed repositories."""
        return await self._answer(request, overview.repositories)

    async def history(self, request: Request) -> Response:
        """Return the last deliveries and runs."""
        return await self._answer(request, overview.history)

    async def run(self, request: Request) -> Response:
        """Return one run with its log."""
        return await self._answer(request, lambda ledger: overview.run_log(ledger, request.path_params["run"]))

    async def sync(self, request: Request) -> Response:
        """Make units due: those in `{"units": [...]}`, or all of them."""
        if refusal := self._refusal(request, acts=True):
            return refusal
        if self._access.has_cookie(request) and not self._access.is_form_token(
            request, request.headers.get("x-form-token", "")
        ):
            return JSONResponse({"error": "use an Authorization header"}, 403)
        try:
            names = await _names(request)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        try:
            known = await self._service.request_units(names)
        except sqlite3.Error:
            return JSONResponse({"error": "the ledger cannot be written"}, 503)
        unknown = sorted(set(names or ()) - set(known))
        if unknown:
            return JSONResponse({"error": f"unknown units: {', '.join(unknown)}", "units": list(known)}, 404)
        return JSONResponse({"units": list(known)}, 202)

    async def health(self, _request: Request) -> Response:
        """Answer as long as the process works."""
        return PlainTextResponse("ok\n")

    async def ready(self, _request: Request) -> Response:
        """Answer whether the ledger can be written, the tree was read and the last poll is recent."""
        problems = await self._problems()
        if problems:
            return JSONResponse({"ready": False, "problems": problems}, 503)
        return JSONResponse({"ready": True})

    async def metrics(self, _request: Request) -> Response:
        """Return metrics. They hold numbers only, so they need no token."""
        metrics = self._service.metrics
        try:
            counts = await self._service.ledger.call(overview.counts)
        except sqlite3.Error:
            counts = {}
        for gauge, name in ((metrics.units, "units"), (metrics.apps, "apps")):
            gauge.clear()
            for label, number in counts.get(name, {}).items():
                gauge.labels(label).set(number)
        metrics.unreadable.set(counts.get("unreadable", 0))
        metrics.ledger_bytes.set(counts.get("bytes", 0))
        metrics.last_poll.set(self._service.last_poll)
        metrics.ready.set(not await self._problems())
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def _problems(self) -> list[str]:
        service = self._service
        problems = ["the listener is shutting down"] if service.stopping else []
        try:
            await service.ledger.check()
            tree = await service.ledger.call(overview.tree)
        except sqlite3.Error as error:
            return [*problems, f"the ledger cannot be written: {error}"]
        if not tree["commit"]:
            problems.append("the tree was not read yet" if not tree["error"] else "the tree cannot be read")
        elif time.time() - service.last_poll > STALE_POLLS * service.settings.poll + 60:
            problems.append("the project could not be read for some time")
        return problems

    async def _answer(self, request: Request, read: Callable[[Ledger], Any]) -> Response:
        if refusal := self._refusal(request):
            return refusal
        data = await self._service.ledger.call(read)
        return JSONResponse(data) if data is not None else JSONResponse({"error": "not found"}, 404)

    def _refusal(self, request: Request, *, acts: bool = False) -> Response | None:
        try:
            level = self._access.level(request)
        except TooManyFailuresError:
            return JSONResponse({"error": "too many wrong tokens"}, 429, {"Retry-After": "60"})
        if not level:
            hint = "give Authorization: Bearer with SCOREFLY_READ_TOKEN or SCOREFLY_ACT_TOKEN"
            return JSONResponse({"error": hint}, 401, {"WWW-Authenticate": "Bearer"})
        if acts and level != "act":
            return JSONResponse({"error": "this token may only read"}, 403)
        return None


async def _names(request: Request) -> list[str] | None:
    """Return the units that a request names; None for all. Raises ValueError."""
    body = bytearray()
    try:
        async with asyncio.timeout(5):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_REQUEST:
                    raise ValueError("the body is too long")
    except TimeoutError as error:
        raise ValueError("the body did not arrive in time") from error
    if not body.strip():
        return None
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError("the body is not JSON") from error
    names = data.get("units") if isinstance(data, dict) else None
    if names is None and isinstance(data, dict):
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) and name.isprintable() for name in names):
        raise ValueError("units is not a list of strings")
    return names
