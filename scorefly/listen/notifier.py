"""Sends notices beside the service."""

from __future__ import annotations

import asyncio
import sqlite3
import time

from scorefly.listen import notices
from scorefly.listen.service import Service

PAUSE = 1.0  # seconds between two looks at the notices


async def send_notices(service: Service) -> None:
    """Send the notices that are due until the service stops."""
    while not service.stopping:
        delay = PAUSE
        try:
            notice = await service.ledger.call(notices.due_notice, time.time())
            if notice:
                secret = service.settings.environ["SCOREFLY_NOTIFY_SECRET"]
                failure = await asyncio.to_thread(
                    notices.send, service.settings.notify, secret, notice.body, time.time()
                )
                if failure:
                    service.log(f"notify: {failure}")
                await service.ledger.call(notices.record_attempt, notice, time.time(), delivered=not failure)
                delay = 0.0
        except sqlite3.Error as error:
            service.log(f"ledger: {error}")
        await asyncio.sleep(delay)
