"""How the layout of a device's store came about: numbered steps, forward only.

`PRAGMA user_version` of the file says how many steps it has had. `migrate` carries out the others,
each in one transaction with its number, so a process that is killed leaves the rest to the next. A
new layout is a further step at the end; a step that a release has brought out never changes.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from client.errors import StoreError

Step = Sequence[str]
"""The statements of one step."""

# Stores of releases without numbers have these tables, or all but `heads`: this adopts them.
_FIRST: Step = (
    """CREATE TABLE IF NOT EXISTS device (
    one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL,
    user_id TEXT NOT NULL DEFAULT '', device_id TEXT NOT NULL DEFAULT '',
    handed INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE IF NOT EXISTS heads (
    one INTEGER PRIMARY KEY CHECK (one = 1), token TEXT NOT NULL)""",
    "INSERT OR IGNORE INTO device (one, version) VALUES (1, 1)",
    """CREATE TABLE IF NOT EXISTS conversations (
    conversation_id TEXT PRIMARY KEY, cursor INTEGER NOT NULL, delivered INTEGER NOT NULL,
    read INTEGER NOT NULL, mine INTEGER NOT NULL, unsettled INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS markers (
    conversation_id TEXT NOT NULL, user_id TEXT NOT NULL, delivered INTEGER NOT NULL,
    read INTEGER NOT NULL, PRIMARY KEY (conversation_id, user_id)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS messages (
    arrival INTEGER PRIMARY KEY AUTOINCREMENT, conversation_id TEXT NOT NULL, seq INTEGER NOT NULL,
    id TEXT NOT NULL, sender_id TEXT NOT NULL, device_id TEXT NOT NULL, kind TEXT NOT NULL,
    body TEXT NOT NULL, reply_to INTEGER, sent_at INTEGER NOT NULL,
    UNIQUE (conversation_id, seq))""",
    """CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, recipient TEXT NOT NULL,
    conversation_id TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, reply_to INTEGER,
    first_sent_at INTEGER)""",
    """CREATE TABLE IF NOT EXISTS refused (
    id TEXT PRIMARY KEY, recipient TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
    code TEXT NOT NULL, detail TEXT NOT NULL)""",
)

STEPS: Sequence[Step] = (_FIRST,)


def version_of(db: sqlite3.Connection, path: Path | str, steps: Sequence[Step] = STEPS) -> int:
    """How many steps a store has had. Raises StoreError for one of a newer release."""
    version: int
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(steps):
        raise StoreError(
            "newer_store",
            f"{path} has version {version}, of a newer release, and this one knows {len(steps)}: "
            "use that release again, or another file",
        )
    return version


def migrate(db: sqlite3.Connection, path: Path | str, steps: Sequence[Step] = STEPS) -> None:
    """Bring a store up to date. Raises StoreError for one of a newer release, and sqlite3.Error."""
    version = version_of(db, path, steps)
    for number, step in enumerate(steps[version:], start=version + 1):
        _carry_out(db, number, step)


def _carry_out(db: sqlite3.Connection, number: int, step: Step) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in step:
            db.execute(statement)
        # Releases without numbered steps look here, and refuse what is not 1.
        db.execute("UPDATE device SET version = ?", (number,))
        db.execute(f"PRAGMA user_version={number}")
        db.execute("COMMIT")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
