"""Starts and ends the listener: the lock on its folder, the socket, signals, and the HTTP server beside the service."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from scorefly import safe_files
from scorefly.listen.application import application
from scorefly.listen.child import PROGRAM
from scorefly.listen.child_environment import secret_texts
from scorefly.listen.ledger import Ledger
from scorefly.listen.ledger_thread import LedgerThread
from scorefly.listen.notifier import send_notices
from scorefly.listen.protocol import BoundedProtocol
from scorefly.listen.service import Service
from scorefly.listen.settings import Settings
from scorefly.problems import Place, input_error, option_place
from scorefly.ui.lines import one_line
from scorefly.ui.redaction import Redactor

MAX_CONNECTIONS = 512
_ADDRESS_IN_USE_HINT = "choose another port, or end what listens there"


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: a signal drains runs first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def listen(settings: Settings, argv: tuple[str, ...] = PROGRAM) -> None:
    """Listen until SIGTERM or SIGINT. `argv` starts scorefly. Raises InputError and ExternalError."""
    redactor = Redactor()
    redactor.add(secret_texts(settings.environ))

    def log(line: str) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        sys.stderr.write(f"{moment} {one_line(redactor.redact(line))}\n")
        sys.stderr.flush()

    for warning in settings.warnings:
        log(f"warning: {warning}")
    with _locked(settings.data):
        ledger = Ledger(settings.data)
        with contextlib.closing(_socket(settings)) as listening:
            thread = LedgerThread(ledger)
            try:
                asyncio.run(_serve(settings, thread, argv, redactor, log, listening))
            finally:
                thread.close()


async def _serve(
    settings: Settings,
    ledger: LedgerThread,
    argv: tuple[str, ...],
    redactor: Redactor,
    log: Callable[[str], None],
    listening: socket.socket,
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: log(f"internal error: {context.get('message', '')}"))
    # Everything worth a line is logged here; uvicorn's own words are about connections, with tracebacks.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
    service = Service(settings, ledger, argv, redactor.redact, log)
    server = _Server(
        uvicorn.Config(
            application(service),
            http=type("Protocol", (BoundedProtocol,), {"head_seconds": settings.read_timeout}),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=5,
            backlog=1024,
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, service, log)
    await service.prepare()
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    notifying = asyncio.create_task(send_notices(service)) if settings.notify else None
    host, port = listening.getsockname()[:2]
    log(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}")
    try:
        await service.run()
    finally:
        server.should_exit = True
        if notifying:
            notifying.cancel()
        await serving
    log("ended")


def _stop(service: Service, log: Callable[[str], None]) -> None:
    log("interrupting what runs" if service.stopping else "ending: no new events and runs")
    service.stop()


@contextlib.contextmanager
def _locked(data: Path) -> Iterator[None]:
    """Hold the folder of the ledger: a second listener there would start every run twice."""
    try:
        safe_files.make_folders(data, Path("units"))
        descriptor = safe_files.open_private(data, Path("listen.lock"), os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise input_error(
            f"cannot write to {data}: {error.strerror}", "name another folder", option_place("data")
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise input_error(
            "another listener uses this folder", "end it, or name another folder", Place(str(data))
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


def _socket(settings: Settings) -> socket.socket:
    """Listen on all addresses of both families, or on one. Raises InputError."""
    try:
        if settings.host != "::":
            family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
            return socket.create_server((settings.host, settings.port), family=family, backlog=1024)
        if socket.has_dualstack_ipv6():
            return socket.create_server(
                ("::", settings.port), family=socket.AF_INET6, backlog=1024, dualstack_ipv6=True
            )
        return socket.create_server(("0.0.0.0", settings.port), backlog=1024)  # noqa: S104 - a server in a container
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"cannot listen on port {settings.port}: {reason}"
        raise input_error(message, _ADDRESS_IN_USE_HINT, option_place("port")) from error
