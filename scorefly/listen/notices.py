"""Notices of failures and recoveries: kept in the ledger until the receiver has them, signed by Standard Webhooks."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from scorefly.listen.ledger import Ledger
from scorefly.listen.planner import backoff

MAX_AGE = 86400.0  # seconds until a notice that no one takes is dropped
MAX_ROWS = 1000
SECONDS = 15.0  # for one attempt


class Notice(Struct, frozen=True):
    """A notice that is due: its row, and its body."""

    row: int
    body: str


def add_notice(ledger: Ledger, kind: str, data: Mapping[str, Any], now: float) -> None:
    """Record a notice. To be called in the transaction of the change it is about."""
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {"id": f"msg_{secrets.token_hex(12)}", "type": f"unit.{kind}", "timestamp": moment, "data": dict(data)}
    ledger.execute("INSERT INTO notices(at, body) VALUES (?, ?)", now, json.dumps(body, sort_keys=True))
    ledger.execute("DELETE FROM notices WHERE id <= (SELECT max(id) FROM notices) - ?", MAX_ROWS)


def due_notice(ledger: Ledger, now: float) -> Notice | None:
    """Return the oldest notice that is due; those that are too old are dropped."""
    ledger.execute("DELETE FROM notices WHERE at < ?", now - MAX_AGE)
    row = ledger.row("SELECT id, body FROM notices WHERE not_before <= ? ORDER BY id LIMIT 1", now)
    return Notice(row["id"], row["body"]) if row else None


def record_attempt(ledger: Ledger, notice: Notice, now: float, *, delivered: bool) -> None:
    """Forget a notice that was delivered; try another one again later."""
    if delivered:
        ledger.execute("DELETE FROM notices WHERE id = ?", notice.row)
        return
    with ledger.transaction():
        row = ledger.row("SELECT attempts FROM notices WHERE id = ?", notice.row)
        attempts = (row["attempts"] if row else 0) + 1
        ledger.execute(
            "UPDATE notices SET attempts = ?, not_before = ? WHERE id = ?",
            attempts,
            now + backoff(attempts),
            notice.row,
        )


def send(url: str, secret: str, body: str, now: float) -> str:
    """Send a notice once. Returns why it was not taken, or ""."""
    import requests
    from standardwebhooks.webhooks import Webhook

    from scorefly.http import exchange

    identity = str(json.loads(body)["id"])
    moment = datetime.fromtimestamp(int(now), UTC)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": identity,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": Webhook(signing_key(secret)).sign(identity, moment, body),
    }
    try:
        with requests.Session() as session:
            answer = exchange(session, "POST", url, seconds=SECONDS, data=body.encode(), headers=headers)
    except requests.RequestException as error:
        return f"{type(error).__name__}"
    return "" if 200 <= answer.status_code < 300 else f"HTTP {answer.status_code}"


def signing_key(secret: str) -> str | bytes:
    """Return a secret in the form the library takes: base64 after `whsec_`, else the bytes of the text."""
    return secret if secret.startswith("whsec_") else secret.encode()
