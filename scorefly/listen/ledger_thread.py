"""The ledger's own thread: every use of the ledger waits for its turn there, so the event loop waits for no disk."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from scorefly.listen.ledger import Ledger

PROBE_SECONDS = 1.0

P = ParamSpec("P")
T = TypeVar("T")


class LedgerThread:
    """Calls functions with the ledger, one at a time. `error` says why the last use failed, or is empty."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._executor = ThreadPoolExecutor(1, "ledger")
        self.error = ""
        self._good_until = 0.0

    async def call(self, function: Callable[Concatenate[Ledger, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function with the ledger. Raises sqlite3.Error, e.g. for a full disk."""
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(self._executor, lambda: function(self._ledger, *args, **kwargs))
        except sqlite3.Error as error:
            self.error = str(error)
            raise
        return result

    async def check(self) -> None:
        """Write to the ledger, to learn whether it can be written. Raises sqlite3.Error.

        A good answer holds for a second: whoever may ask is not able to keep the disk busy.
        """
        if not self.error and time.monotonic() < self._good_until:
            return

        def probe(ledger: Ledger) -> None:
            with ledger.transaction():
                ledger.put("probe", str(int(ledger.get("probe", "0")) + 1))

        await self.call(probe)
        self.error = ""
        self._good_until = time.monotonic() + PROBE_SECONDS

    def close(self) -> None:
        """Close the ledger after what is under way."""
        self._executor.submit(self._ledger.close).result()
        self._executor.shutdown()
