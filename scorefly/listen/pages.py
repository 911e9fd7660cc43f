"""The handlers of the status page."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from scorefly import __version__
from scorefly.listen import overview
from scorefly.listen.access import Access, TooManyFailuresError
from scorefly.listen.ledger import Ledger
from scorefly.listen.page import render as page
from scorefly.listen.service import Service

MAX_FORM = 4096  # bytes
# What needs somebody first.
_ORDER = {name: at for at, name in enumerate(("failed", "invalid", "running", "due", "new"))}
_BUSY_REFRESH, _REFRESH = 3, 30  # seconds


class Pages:
    """HTML for people. Everything but the login form needs a session or a token."""

    def __init__(self, service: Service, access: Access) -> None:
        self._service = service
        self._access = access

    async def overview(self, request: Request) -> Response:
        """Show all units."""

        def read(ledger: Ledger) -> dict[str, Any]:
            units = sorted(overview.units(ledger), key=lambda unit: _ORDER.get(unit["state"], len(_ORDER)))
            return {
                "units": units,
                "summary": list(Counter(unit["state"] for unit in units).items()),
                "tree": overview.tree(ledger),
                "token_notice": overview.token_notice(self._service.settings.environ, time.time()),
                "repositories": overview.repositories(ledger),
                "history": overview.history(ledger),
            }

        return await self._show(request, "overview.html", read)

    async def unit(self, request: Request) -> Response:
        """Show one unit with its runs and the log of the last one."""
        name = request.path_params["name"]

        def read(ledger: Ledger) -> dict[str, Any] | None:
            unit = next((each for each in overview.units(ledger) if each["unit"] == name), None)
            if unit is None:
                return None
            runs = overview.unit_runs(ledger, name)
            last = next((each for each in runs if each["has_log"]), None)
            return {"unit": unit, "runs": runs, "log": overview.run_log(ledger, last["id"]) if last else None}

        return await self._show(request, "unit.html", read)

    async def run(self, request: Request) -> Response:
        """Show one run with its log."""

        def read(ledger: Ledger) -> dict[str, Any] | None:
            run = overview.run_log(ledger, request.path_params["run"])
            return {"run": run} if run else None

        return await self._show(request, "run.html", read)

    async def login(self, request: Request) -> Response:
        """Show the form, or begin a session with the token in it."""
        if request.method != "POST":
            return self._login(request)
        form = await read_form(request)
        try:
            level = self._access.level_of(request, form.get("token", "").strip())
        except TooManyFailuresError:
            return self._login(request, "Too many wrong tokens: wait a minute", 429)
        if not level:
            return self._login(request, "This is not a valid token", 401)
        response = RedirectResponse("/", 303)
        self._access.begin_session(response, level)
        return response

    async def logout(self, request: Request) -> Response:
        """End the session."""
        form = await read_form(request)
        response = RedirectResponse("/", 303)
        if self._access.is_form_token(request, form.get("form_token", "")):
            self._access.end_session(response)
        return response

    async def sync(self, request: Request) -> Response:
        """Make one unit due, or all."""
        form = await read_form(request)
        try:
            level = self._access.level(request)
        except TooManyFailuresError:
            return self._login(request, "Too many wrong tokens: wait a minute", 429)
        if not level:
            return self._login(request, status=401)
        if level != "act":
            return HTMLResponse("This token may only read.", 403)
        if not self._access.is_form_token(request, form.get("form_token", "")):
            return HTMLResponse("This form is too old: go back and reload the page.", 403)
        name = form.get("unit", "")
        await self._service.request_units([name] if name else None)
        return RedirectResponse("/", 303)

    async def stylesheet(self, _request: Request) -> Response:
        """Return the stylesheet."""
        return Response(page.stylesheet(), media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    async def _show(self, request: Request, template: str, read: Any) -> Response:
        try:
            level = self._access.level(request)
        except TooManyFailuresError:
            return self._login(request, "Too many wrong tokens: wait a minute", 429)
        if not level:
            return self._login(request, status=401)
        values = await self._service.ledger.call(read)
        if values is None:
            return HTMLResponse("There is no such page.", 404)
        html = page.render(
            template,
            **values,
            level=level,
            form_token=self._access.form_token(request),
            now=time.time(),
            version=__version__,
        )
        refresh = _BUSY_REFRESH if self._service.is_busy else _REFRESH
        return HTMLResponse(html, headers={"Refresh": str(refresh)})

    def _login(self, _request: Request, error: str = "", status: int = 200) -> Response:
        settings = self._service.settings
        has_tokens = bool(settings.read_token or settings.act_token)
        html = page.render("login.html", level="", error=error, has_tokens=has_tokens, version=__version__)
        return HTMLResponse(html, status)


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a small form; none of one that is too long, too slow or malformed."""
    body = bytearray()
    try:
        async with asyncio.timeout(5):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_FORM:
                    return {}
        fields = parse_qs(body.decode("ascii"), max_num_fields=10)
    except (TimeoutError, ValueError):
        return {}
    return {name: values[0] for name, values in fields.items()}
