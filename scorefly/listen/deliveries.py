"""Deliveries in the ledger: a verified event becomes due looks and one line of history, in one commit."""

from __future__ import annotations

from fnmatch import fnmatchcase

from scorefly.listen.hosts.event import Event
from scorefly.listen.ledger import Ledger
from scorefly.listen.repository_keys import matching_key, repository_key

MAX_AGE = 7 * 86400.0  # seconds that a delivery is kept
MAX_ROWS = 50_000
_TRIM_EVERY = 500  # deliveries

_VERDICTS = {"deleted": "ref deleted", "ping": "ping"}


def accept(ledger: Ledger, sender: str, event: Event, now: float) -> bool:
    """Record a verified event. Returns whether a followed repository has to be looked at.

    When this returns, the event is on disk. Raises sqlite3.Error, and then nothing of it is.
    """
    hinted = _hinted(ledger, event) if event.kind == "push" else set()
    with ledger.transaction():
        for key in hinted:
            ledger.execute("UPDATE repositories SET hinted = hinted + 1 WHERE key = ?", key)
        first = event.hints[0] if event.hints else None
        row = ledger.execute(
            "INSERT INTO deliveries(at, sender, repository, ref, verdict) VALUES (?, ?, ?, ?, ?)",
            now,
            sender,
            first.addresses[0] if first else "",
            ", ".join(hint.ref for hint in event.hints)[:300],
            "accepted" if hinted else _verdict(event),
        )
        if row % _TRIM_EVERY == 0:
            trim(ledger, now)
    return bool(hinted)


def _hinted(ledger: Ledger, event: Event) -> set[str]:
    """Return the followed repositories of which an event names a ref that somebody follows."""
    refs: dict[str, list[str]] = {}
    for row in ledger.rows("SELECT key, ref FROM refs"):
        refs.setdefault(row["key"], []).append(row["ref"])
    rows = ledger.rows("SELECT key, moved_to FROM repositories WHERE moved_to != ''")
    moved = {repository_key(row["moved_to"]): row["key"] for row in rows}
    names = ((matching_key(hint.addresses, {*refs, *moved}), hint.ref) for hint in event.hints)
    keys = [(key if key in refs else moved.get(key, ""), ref) for key, ref in names]
    return {key for key, ref in keys if key and any(concerns(ref, followed) for followed in refs[key])}


def concerns(ref: str, followed: str) -> bool:
    """Report whether a push to a ref can change a followed one. Any branch may be the default one."""
    if not ref:
        return True
    if followed == "HEAD":
        return not ref.startswith("refs/tags/")
    # Some senders give a name without its folder.
    return any(fnmatchcase(name, followed) for name in (ref, f"refs/heads/{ref}", f"refs/tags/{ref}"))


def _verdict(event: Event) -> str:
    return _VERDICTS.get(event.kind) or ("concerns no source" if event.hints else f"not a push: {event.name[:80]}")


def trim(ledger: Ledger, now: float) -> None:
    """Delete the deliveries that are too old or too many."""
    ledger.execute("DELETE FROM deliveries WHERE at < ?", now - MAX_AGE)
    ledger.execute("DELETE FROM deliveries WHERE id <= (SELECT max(id) FROM deliveries) - ?", MAX_ROWS)
