"""The ledger: one SQLite file that holds everything the listener must not lose.

WAL with `synchronous=FULL`: what is committed survives a killed process and a lost machine. All of it can be built anew
from git, so a ledger that is damaged may be deleted.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scorefly import safe_files
from scorefly.problems import Place, external_error, input_error

NAME = "ledger.sqlite3"
VERSION = 2
_WAL_BYTES = 4 << 20

_SCHEMA = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE repositories(
    key TEXT PRIMARY KEY, url TEXT NOT NULL,
    hinted INTEGER NOT NULL DEFAULT 0, looked INTEGER NOT NULL DEFAULT 0, next_hint REAL NOT NULL DEFAULT 0,
    looked_at REAL NOT NULL DEFAULT 0, next_look REAL NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE TABLE refs(
    key TEXT NOT NULL, ref TEXT NOT NULL, value TEXT NOT NULL DEFAULT '', PRIMARY KEY (key, ref)
) STRICT, WITHOUT ROWID;
CREATE TABLE follows(
    unit TEXT NOT NULL, key TEXT NOT NULL, ref TEXT NOT NULL, PRIMARY KEY (unit, key, ref)
) STRICT, WITHOUT ROWID;
CREATE TABLE units(
    name TEXT PRIMARY KEY, arguments TEXT NOT NULL, details TEXT NOT NULL DEFAULT '{}',
    after TEXT NOT NULL DEFAULT '[]',
    wanted INTEGER NOT NULL DEFAULT 1, done INTEGER NOT NULL DEFAULT 0, running INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT 'new', status_since REAL NOT NULL DEFAULT 0, ended REAL NOT NULL DEFAULT 0,
    commits TEXT NOT NULL DEFAULT '{}'
) STRICT, WITHOUT ROWID;
CREATE TABLE apps(unit TEXT NOT NULL, app TEXT NOT NULL, details TEXT NOT NULL, PRIMARY KEY (unit, app))
STRICT, WITHOUT ROWID;
CREATE TABLE runs(
    id INTEGER PRIMARY KEY AUTOINCREMENT, unit TEXT NOT NULL, generation INTEGER NOT NULL, began REAL NOT NULL,
    ended REAL NOT NULL DEFAULT 0, status TEXT NOT NULL DEFAULT 'running', reason TEXT NOT NULL DEFAULT '',
    commits TEXT NOT NULL DEFAULT '{}', pid INTEGER NOT NULL DEFAULT 0, pid_started INTEGER NOT NULL DEFAULT 0,
    log TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX runs_of_unit ON runs(unit, id);
CREATE TABLE deliveries(
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, sender TEXT NOT NULL, repository TEXT NOT NULL,
    ref TEXT NOT NULL, verdict TEXT NOT NULL
) STRICT;
CREATE TABLE notices(
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, body TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0
) STRICT;
"""
# What each version adds to the one before.
_ADDED = (
    _SCHEMA,
    """
ALTER TABLE repositories ADD COLUMN moved_to TEXT NOT NULL DEFAULT '';
CREATE TABLE plans(
    unit TEXT PRIMARY KEY, generation INTEGER NOT NULL, at REAL NOT NULL, changes TEXT NOT NULL, error TEXT NOT NULL
) STRICT, WITHOUT ROWID;
""",
)


class Ledger:
    """The open ledger. It is used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Open or create the ledger in a folder. Raises InputError and ExternalError."""
        self.path = folder / NAME
        try:
            # Made here, so that no other user may read it: SQLite's other files get the mode of this one.
            os.close(safe_files.open_private(folder, Path(NAME), os.O_RDWR | os.O_CREAT))
            # Statements outside `transaction` commit by themselves.
            self._database = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10.0)
            self._database.row_factory = sqlite3.Row
            self._prepare()
        except (sqlite3.DatabaseError, OSError) as error:
            hint = "delete it to start anew: it is rebuilt from git; check the disk"
            raise external_error(f"cannot open the ledger: {error}", hint, Place(str(self.path))) from error

    def _prepare(self) -> None:
        for name, value in (
            ("journal_mode", "WAL"),
            ("synchronous", "FULL"),
            ("journal_size_limit", _WAL_BYTES),
            ("cache_size", -2048),
            ("temp_store", "MEMORY"),
        ):
            self._database.execute(f"PRAGMA {name}={value}")
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            hint = "run the newer scorefly, or delete the file: it is rebuilt from git"
            raise input_error("the ledger was written by a newer version of scorefly", hint, Place(str(self.path)))
        if version < VERSION:
            added = " ".join(_ADDED[version:])
            self._database.executescript(f"BEGIN IMMEDIATE; {added} PRAGMA user_version={VERSION}; COMMIT;")

    def close(self) -> None:
        """Close the file. The write-ahead log is moved into it."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all statements inside together, or none of them."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._roll_back()
            raise
        try:
            self._database.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        # A full disk rolls back by itself.
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def execute(self, statement: str, *values: Any) -> int:
        """Run one statement. Returns the id of the row it inserted, or of the last one before."""
        return self._database.execute(statement, values).lastrowid or 0

    def rows(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        return self._database.execute(statement, values).fetchall()

    def row(self, statement: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        row: sqlite3.Row | None = self._database.execute(statement, values).fetchone()
        return row

    def get(self, name: str, default: str = "") -> str:
        """Return a single value that is kept by name."""
        row = self.row("SELECT value FROM meta WHERE name = ?", name)
        return str(row["value"]) if row else default

    def put(self, name: str, value: str) -> None:
        """Keep a single value by name."""
        self.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", name, value)

    def bytes_on_disk(self) -> int:
        """Return the size of the ledger's file, as SQLite counts it."""
        pages = self._database.execute("PRAGMA page_count").fetchone()[0]
        return int(pages) * int(self._database.execute("PRAGMA page_size").fetchone()[0])
