"""Followed repositories in the ledger: hints, looks, and the values of the refs that units follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from scorefly.listen.ledger import Ledger
from scorefly.listen.planner import MIN_INTERVAL, RepositoryRow, backoff
from scorefly.listen.repository_keys import repository_key

MAX_ERROR = 500  # characters
TREE = ""  # in the place of a unit: what includes projects into the tree


class Look(Struct, frozen=True):
    """A look that is due: the repository's address, the refs that somebody follows, and the hints it answers."""

    key: str
    url: str
    refs: tuple[str, ...]
    generation: int


class Seen(Struct, frozen=True):
    """The result of a look: the values of refs, and the address that the repository moved to, if it did."""

    values: Mapping[str, str]
    moved_to: str = ""


def repositories(ledger: Ledger) -> list[RepositoryRow]:
    """Return what decides about the next look at each repository."""
    rows = ledger.rows("SELECT key, hinted, looked, next_hint, looked_at, next_look FROM repositories")
    return [RepositoryRow(*row) for row in rows]


def follow_root(ledger: Ledger, url: str, ref: str) -> str:
    """Follow the project's own repository, before its tree was read, and make all due. Returns its key."""
    key = repository_key(url)
    with ledger.transaction():
        _add(ledger, key, url, ref)
        poll_all(ledger)
    return key


def poll_all(ledger: Ledger) -> None:
    """Make every repository due now: a host never repeats a delivery that was not received."""
    ledger.execute("UPDATE repositories SET looked_at = 0, next_look = 0, attempts = 0")


def begin_look(ledger: Ledger, key: str) -> Look:
    """Return what a look has to find out."""
    row = ledger.row("SELECT url, hinted FROM repositories WHERE key = ?", key)
    refs = ledger.rows("SELECT ref FROM refs WHERE key = ?", key)
    return Look(key, row["url"] if row else "", tuple(each["ref"] for each in refs), row["hinted"] if row else 0)


def record_look(ledger: Ledger, look: Look, seen: Seen, now: float) -> tuple[str, ...]:
    """Record the values of refs, and make the units due that follow one that changed. Returns the changed refs."""
    values = seen.values
    with ledger.transaction():
        changed = []
        for row in ledger.rows("SELECT ref, value FROM refs WHERE key = ?", look.key):
            ref, value = row["ref"], values.get(row["ref"])
            if value is None or value == row["value"]:
                continue
            changed.append(ref)
            if ledger.row("SELECT 1 FROM follows WHERE unit = ? AND key = ? AND ref = ?", TREE, look.key, ref):
                ledger.put("tree_is_stale", "yes")
            ledger.execute("UPDATE refs SET value = ? WHERE key = ? AND ref = ?", value, look.key, ref)
            ledger.execute(
                "UPDATE units SET wanted = wanted + 1, not_before = 0, attempts = 0 WHERE name IN "
                "(SELECT unit FROM follows WHERE key = ? AND ref = ?)",
                look.key,
                ref,
            )
        ledger.execute(
            "UPDATE repositories SET next_hint = iif(looked < ?, ?, next_hint), looked = ?, looked_at = ?, "
            "next_look = 0, attempts = 0, error = ?, moved_to = ? WHERE key = ?",
            *(look.generation, now + MIN_INTERVAL, look.generation, now, _missing(look, values), seen.moved_to),
            look.key,
        )
    return tuple(changed)


def record_failed_look(ledger: Ledger, look: Look, error: str, now: float) -> None:
    """Record that a repository could not be read; it is tried again later, whoever hints at it."""
    with ledger.transaction():
        row = ledger.row("SELECT attempts FROM repositories WHERE key = ?", look.key)
        attempts = (row["attempts"] if row else 0) + 1
        ledger.execute(
            "UPDATE repositories SET looked_at = ?, next_look = ?, attempts = ?, error = ? WHERE key = ?",
            now,
            now + backoff(attempts),
            attempts,
            error[:MAX_ERROR],
            look.key,
        )


def replace_follows(ledger: Ledger, root: tuple[str, str], follows: Iterable[tuple[str, str, str]]) -> None:
    """Replace what units follow: triples of unit, address and ref. To be called inside a transaction.

    The values of refs that were followed before stay, so reading the same tree again makes nothing due.
    """
    ledger.execute("DELETE FROM follows")
    kept = {(repository_key(root[0]), root[1])}
    for unit, url, ref in follows:
        key = repository_key(url)
        _add(ledger, key, url, ref)
        kept.add((key, ref))
        ledger.execute("INSERT OR IGNORE INTO follows VALUES (?, ?, ?)", unit, key, ref)
    for row in ledger.rows("SELECT key, ref FROM refs"):
        if (row["key"], row["ref"]) not in kept:
            ledger.execute("DELETE FROM refs WHERE key = ? AND ref = ?", row["key"], row["ref"])
    ledger.execute("DELETE FROM repositories WHERE key NOT IN (SELECT key FROM refs)")


def _add(ledger: Ledger, key: str, url: str, ref: str) -> None:
    ledger.execute(
        "INSERT INTO repositories(key, url) VALUES (?, ?) ON CONFLICT DO UPDATE SET url = excluded.url", key, url
    )
    ledger.execute("INSERT OR IGNORE INTO refs(key, ref) VALUES (?, ?)", key, ref)


def _missing(look: Look, values: Mapping[str, str]) -> str:
    missing = [ref for ref in look.refs if not values.get(ref)]
    return f"no such ref: {', '.join(missing)}"[:MAX_ERROR] if missing else ""
