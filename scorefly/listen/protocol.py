"""HTTP connections with deadlines: uvicorn itself waits for a request's head, and for an unread body, without end."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

DRAIN_SECONDS = 10.0  # for the rest of a body whose request was refused


class BoundedProtocol(H11Protocol):
    """Close connections that send a head or an unwanted body too slowly."""

    head_seconds = 10.0  # from the first byte of a request, or from the connection, to the end of its head
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for a request."""
        super().connection_made(transport)
        self._close_after(self.head_seconds)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a head or body."""
        if self._deadline is None and self._awaits_head():
            self._close_after(self.head_seconds)
        super().data_received(data)
        if not self._awaits_head() and self.conn.our_state is not h11.DONE:
            self._keep_open()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._keep_open()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """After an answer: uvicorn swallows what is left of the body, which is not allowed to take long."""
        self._keep_open()
        if self.conn.their_state is h11.SEND_BODY:
            self._close_after(DRAIN_SECONDS)
        super().on_response_complete()

    def _awaits_head(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        return cycle is None or (cycle.response_complete and self.conn.our_state is h11.IDLE)

    def _close_after(self, seconds: float) -> None:
        self._keep_open()
        self._deadline = self.loop.call_later(seconds, self._close)

    def _keep_open(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.abort()
