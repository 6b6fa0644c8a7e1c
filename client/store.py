"""Where a device keeps what it knows: one SQLite file for each device of each user.

`save` writes the changes of one step of the core in one transaction. A message that is to be sent
is on the disk before it is tried (synchronous FULL); what the server could say again, and how far
messages were handed over, is only safe from the death of the process (NORMAL). Messages are handed
to the application from here, so whatever was stored and not handed over when a process died is
handed over by the next.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from client.effects import (
    Change,
    ConversationChanged,
    Entry,
    EntryChanged,
    EntryQueued,
    EntryRefused,
    EntrySettled,
    HeadsTold,
    IdentityLearnt,
    MarkersChanged,
    MessageStored,
)
from client.errors import StoreError
from client.messages import UNREAD_MAX, Message
from client.migrations import migrate, version_of

_COLUMNS = "conversation_id, seq, id, sender_id, device_id, kind, body, reply_to, sent_at"


class Store(Protocol):
    """What the client asks of a store. Calls are short and do not block on a network."""

    def load(self) -> Sequence[Change]:
        """What the core is restored from."""
        ...

    def save(self, changes: Sequence[Change]) -> None:
        """Keep the changes, all or none."""
        ...

    def unhanded(self, limit: int) -> Sequence[tuple[int, Message]]:
        """The oldest messages that were not handed over, each with its number of arrival."""
        ...

    def handed(self, arrival: int) -> None:
        """Everything up to this arrival has been handed to the application."""
        ...

    def history(self, conversation_id: str, before: int | None, limit: int) -> Sequence[Message]:
        """The newest messages below a seq, rising."""
        ...

    def unread(self, conversation_id: str, after: int, user_id: str) -> int:
        """How many messages of others lie beyond a seq; UNREAD_MAX stands for any larger count."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class SqliteStore:
    """A store in one file.

    Raises StoreError: `in_use` by another process, `newer_store` when a newer release wrote it,
    `unusable` when it is none or fails.
    """

    def __init__(self, path: Path | str) -> None:
        with _told():
            self._db = sqlite3.connect(str(path), isolation_level=None, timeout=1.0)
        try:
            self._open(path)
        except StoreError:
            self._db.close()
            raise

    def _open(self, path: Path | str) -> None:
        try:
            version_of(self._db, path)  # one of a newer release is left as it is
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            # Before that: two that migrate one new file in the old mode would wait for each other.
            self._db.execute("PRAGMA journal_mode=WAL")
            migrate(self._db, path)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise StoreError("in_use", f"{path} is in use by another process") from error
            raise StoreError("unusable", f"{path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreError("unusable", f"{path} is not a message store: {error}") from error

    def load(self) -> list[Change]:
        """What the core is restored from."""
        run = self._db.execute
        user_id, device_id = run("SELECT user_id, device_id FROM device").fetchone()
        changes: list[Change] = [IdentityLearnt(user_id, device_id)] if user_id else []
        changes += [HeadsTold(*row) for row in run("SELECT token FROM heads")]
        for row in run("SELECT * FROM conversations"):
            conversation_id, cursor, delivered, read, mine, unsettled = row
            changes.append(
                ConversationChanged(conversation_id, cursor, delivered, read, mine, bool(unsettled))
            )
        changes += [MarkersChanged(*row) for row in run("SELECT * FROM markers")]
        entries = run(
            "SELECT number, id, recipient, conversation_id, kind, body, reply_to, first_sent_at"
            " FROM outbox ORDER BY number"
        )
        changes += [EntryQueued(Entry(*row)) for row in entries]
        return changes

    def save(self, changes: Sequence[Change]) -> None:
        """Keep the changes, all or none."""
        durable = any(isinstance(change, EntryQueued | EntryChanged) for change in changes)
        self._db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        self._db.execute("BEGIN")
        try:
            for change in changes:
                self._save(change)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StoreError("unusable", f"the message store cannot be written: {error}") from error

    def _save(self, change: Change) -> None:
        run = self._db.execute
        match change:
            case MessageStored(message):
                run(
                    f"INSERT OR IGNORE INTO messages ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)",
                    _row(message),
                )
            case ConversationChanged():
                run(
                    "INSERT OR REPLACE INTO conversations VALUES (?,?,?,?,?,?)",
                    (
                        change.conversation_id,
                        change.cursor,
                        change.delivered,
                        change.read,
                        change.mine,
                        change.unsettled,
                    ),
                )
            case MarkersChanged():
                run(
                    "INSERT OR REPLACE INTO markers VALUES (?,?,?,?)",
                    (change.conversation_id, change.user_id, change.delivered, change.read),
                )
            case EntryQueued(entry) | EntryChanged(entry):
                run(
                    "INSERT OR REPLACE INTO outbox VALUES (?,?,?,?,?,?,?,?)",
                    (
                        entry.order,
                        entry.id,
                        entry.to,
                        entry.conversation_id,
                        entry.kind,
                        entry.body,
                        entry.reply_to,
                        entry.first_sent_at,
                    ),
                )
            case EntrySettled():
                run("DELETE FROM outbox WHERE number = ?", (change.order,))
            case EntryRefused():
                run(
                    "INSERT OR REPLACE INTO refused"
                    " SELECT id, recipient, kind, body, ?, ? FROM outbox WHERE number = ?",
                    (change.code, change.detail, change.order),
                )
                run("DELETE FROM outbox WHERE number = ?", (change.order,))
            case HeadsTold():
                run("INSERT OR REPLACE INTO heads VALUES (1, ?)", (change.token,))
            case IdentityLearnt():
                run(
                    "UPDATE device SET user_id = ?, device_id = ?",
                    (change.user_id, change.device_id),
                )

    def unhanded(self, limit: int) -> list[tuple[int, Message]]:
        """The oldest messages that were not handed over, each with its number of arrival."""
        with _told():
            rows = self._db.execute(
                f"SELECT arrival, {_COLUMNS} FROM messages"
                " WHERE arrival > (SELECT handed FROM device) ORDER BY arrival LIMIT ?",
                (limit,),
            )
            return [(row[0], Message(*row[1:])) for row in rows]

    def handed(self, arrival: int) -> None:
        """Everything up to this arrival has been handed to the application."""
        with _told():
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("UPDATE device SET handed = max(handed, ?)", (arrival,))

    def history(self, conversation_id: str, before: int | None, limit: int) -> list[Message]:
        """The newest messages below a seq, rising."""
        with _told():
            rows: Iterable[tuple[object, ...]] = self._db.execute(
                f"SELECT {_COLUMNS} FROM messages WHERE conversation_id = ? AND seq < ?"
                " ORDER BY seq DESC LIMIT ?",
                (conversation_id, 2**62 if before is None else before, limit),
            )
            return [Message(*row) for row in rows][::-1]  # type: ignore[arg-type]

    def unread(self, conversation_id: str, after: int, user_id: str) -> int:
        """How many messages of others lie beyond a seq; UNREAD_MAX stands for any larger count."""
        with _told():
            (count,) = self._db.execute(
                "SELECT count(*) FROM (SELECT 1 FROM messages"
                " WHERE conversation_id = ? AND seq > ? AND sender_id != ? LIMIT ?)",
                (conversation_id, after, user_id, UNREAD_MAX),
            ).fetchone()
            return int(count)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


@contextmanager
def _told() -> Iterator[None]:
    """What the file cannot do is a StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError("unusable", f"the message store cannot be used: {error}") from error


def _row(message: Message) -> tuple[object, ...]:
    return (
        message.conversation_id,
        message.seq,
        message.id,
        message.sender_id,
        message.device_id,
        message.kind,
        message.body,
        message.reply_to,
        message.sent_at,
    )
