"""The ASGI application: routes, and what every answer has in common."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from scorefly.listen.access import Access
from scorefly.listen.api import Api
from scorefly.listen.intake import Intake
from scorefly.listen.page.render import CSP
from scorefly.listen.pages import Pages
from scorefly.listen.service import Service

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
MAX_HEADERS = 200
_NOT_STORED = (b"cache-control", b"no-store")


def application(service: Service) -> ASGIApp:
    """Return the application of a service."""
    access = Access(service.settings)
    pages, api = Pages(service, access), Api(service, access)
    routes = [
        Route("/hooks/{sender}", Intake(service)),
        Route("/", pages.overview),
        Route("/units/{name:path}", pages.unit),
        Route("/runs/{run:int}", pages.run),
        Route("/login", pages.login, methods=["GET", "POST"]),
        Route("/logout", pages.logout, methods=["POST"]),
        Route("/sync", pages.sync, methods=["POST"]),
        Route("/style.css", pages.stylesheet),
        Route("/api/units", api.units),
        Route("/api/repositories", api.repositories),
        Route("/api/history", api.history),
        Route("/api/runs/{run:int}", api.run),
        Route("/api/sync", api.sync, methods=["POST"]),
        Route("/healthz", api.health),
        Route("/readyz", api.ready),
        Route("/metrics", api.metrics),
    ]
    app = Starlette(routes=routes)
    # A redirect to the path without its last slash would name the host that the client made up.
    app.router.redirect_slashes = False
    return Outermost(app, service)


class Outermost:
    """Adds headers to every answer, and turns failures into one line of the log and an answer without details."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        has_begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                names = {name.lower() for name, _ in message["headers"]}
                added = (*_HEADERS, *(() if b"cache-control" in names else (_NOT_STORED,)))
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        if len(scope["headers"]) > MAX_HEADERS:  # their bytes are bounded by the parser
            await JSONResponse({"error": "too many headers"}, 431)(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 - a fault ends one answer, in words
            is_disk = isinstance(error, sqlite3.Error)
            what = "ledger" if is_disk else f"internal error: {type(error).__name__}"
            self._service.log(f"{what}: {self._service.redact(str(error))}")
            if not has_begun:
                message = "the ledger cannot be used" if is_disk else "internal error"
                answer = JSONResponse({"error": message}, 503 if is_disk else 500)
                await answer(scope, receive, send_with_headers)
