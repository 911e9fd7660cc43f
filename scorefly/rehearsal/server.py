"""The embedded Fly: an HTTP server on loopback, slow and failing where it was told to be."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from scorefly.rehearsal import machines, tokens
from scorefly.rehearsal.faults import KINDS, LOST, Fault, SpoiltAnswer
from scorefly.rehearsal.handlers import Call
from scorefly.rehearsal.listing import OrganizationListing
from scorefly.rehearsal.registry import ImageRegistry
from scorefly.rehearsal.routes import handler_of
from scorefly.rehearsal.rules import Refused
from scorefly.rehearsal.world import World

__all__ = ["Fault", "Rehearsal"]


class Rehearsal:
    """A server for the length of a `with`. Its world lives at `world`, or in memory when that is None.

    Below `root`, by default the folder of `world`, no symbolic link is followed. The listing of an organization's
    Machines shows them as they were `lag` seconds ago, without those in `error_regions`.
    """

    def __init__(
        self,
        world: Path | None,
        *,
        root: Path | None = None,
        latency: float = 0.0,
        faults: Sequence[Fault] = (),
        port: int = 0,
        lag: float = 0.0,
        error_regions: Sequence[str] = (),
    ) -> None:
        self.world = World(world, root)
        self.listing = OrganizationListing(lambda: machines.by_organization(self.world), lag, error_regions)
        self.world.on_change = self.listing.changed
        self.latency = latency
        self.faults = list(faults)
        self.requests: list[tuple[str, str]] = []
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.rehearsal = self
        self.world.registry_host = self.registry_host
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Return where it answers, without `/v1`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def registry_host(self) -> str:
        """Host and port of its registry of images."""
        return self.url.removeprefix("http://")

    @property
    def images(self) -> ImageRegistry:
        """Its registry of images."""
        return self.world.images

    def received_secrets(self, app: str) -> dict[str, str]:
        """The secrets it was given for an app since it started."""
        return dict(self.world.received.get(app, {}))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.world.write()


def _is_loopback(hosts: Sequence[str]) -> bool:
    """Decide whether a request's only Host header names this machine, with any port."""
    pattern = r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?"
    return len(hosts) == 1 and re.fullmatch(pattern, hosts[0].strip().lower()) is not None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    rehearsal: Rehearsal

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that disconnects in the middle is not worth a traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
        """The core never prints."""

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base class looks for these names

    def _answer(self) -> None:
        rehearsal = self.server.rehearsal
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not _is_loopback(self.headers.get_all("Host") or []):
            # A page in a browser may have pointed its own name at this machine.
            self._send(421, {"error": "the rehearsal answers at 127.0.0.1, localhost and [::1] only"}, {})
            return
        url = urlsplit(self.path)
        path = unquote(url.path)
        if rehearsal.images.answers(path):
            self._answer_for_registry(path, dict(parse_qsl(url.query)), content)
            return
        rehearsal.requests.append((self.command, path))
        if rehearsal.latency:
            time.sleep(rehearsal.latency)
        fault = self._fault(path)
        if fault and not fault.kind:
            if fault.status == 0:
                self.close_connection = True
                return
            headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            error = "rate limit exceeded" if fault.status == 429 else "the rehearsal was told to fail"
            self._send(fault.status, {"error": error}, headers)
            return
        try:
            status, data = self._handle(path, dict(parse_qsl(url.query)), content)
        except Refused as refused:
            status, data = refused.http, refused.body
        self._send(status, data, {}, fault)

    def _answer_for_registry(self, path: str, query: dict[str, str], content: bytes) -> None:
        rehearsal = self.server.rehearsal
        with rehearsal.world.lock:
            reply = rehearsal.images.reply(self.command, path, query, self.headers, content, rehearsal.registry_host)
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.content)

    def _fault(self, path: str) -> Fault | None:
        with self.server.rehearsal.world.lock:
            for fault in self.server.rehearsal.faults:
                if fault.applies_to(self.command, path):
                    return fault
        return None

    def _handle(self, path: str, query: dict[str, str], content: bytes) -> tuple[int, Any]:
        token = tokens.authenticate(self.headers.get("Authorization", ""))
        try:
            body = json.loads(content) if content else {}
        except ValueError:
            raise Refused(400, "invalid JSON") from None
        if not isinstance(body, dict):
            raise Refused(400, "the body must be an object")
        handler, arguments = handler_of(self.command, path)
        nonce = self.headers.get("fly-machine-lease-nonce", "")
        with self.server.rehearsal.world.lock:
            rehearsal = self.server.rehearsal
            tokens.authorize(rehearsal.world, token, self.command, path, query, body)
            return handler(Call(rehearsal.world, arguments, query, body, nonce, rehearsal.listing, token))

    def _send(self, status: int, data: Any, headers: dict[str, str], fault: Fault | None = None) -> None:
        answer = SpoiltAnswer(b"" if status == 204 else json.dumps(data).encode())
        if fault:
            time.sleep(fault.delay)
            answer = KINDS[fault.kind](answer.content)
            status = 200 if fault.kind == "html" or (status == 204 and answer.content) else status
        self.close_connection = self.close_connection or answer.sent is not None
        if answer.sent == LOST:
            return
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Fly-Request-Id": "rehearsal",
            **headers,
            **answer.headers,
        }.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content[: answer.sent])
