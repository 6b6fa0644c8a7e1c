"""The timeline in Cassandra: rows in, pages and newest rows out.

Every write carries its position as write time, so repeating or reordering them changes nothing.
Reads give whole rows in order of seq; whether any seq is missing among them is for the reader to
see (`processors.pages`), since seqs have no gaps.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from projections.cells import Cell
from projections.database import Database, read_in
from projections.history.projection import BucketStarted, Write, bucket_of
from projections.history.rows import TimelineRow

_WRITE_ROW = """
UPDATE timeline USING TIMESTAMP ? SET message_number = ?, sender_id = ?, device_id = ?,
client_message_id = ?, kind = ?, body = ?, reply_to_seq = ?, sent_at = ?, newest_by_sender[?] = ?
WHERE conversation_id = ? AND bucket = ? AND seq = ?"""
_WRITE_BUCKET = "UPDATE newest_buckets USING TIMESTAMP ? SET bucket = ? WHERE conversation_id = ?"
_COLUMNS = """conversation_id, bucket, seq, message_number, sender_id, device_id,
client_message_id, kind, body, reply_to_seq, sent_at, WRITETIME(sent_at)"""
_READ_AFTER = f"""
SELECT {_COLUMNS} FROM timeline
WHERE conversation_id = ? AND bucket = ? AND seq > ? ORDER BY seq ASC LIMIT ?"""
_READ_BEFORE = f"""
SELECT {_COLUMNS} FROM timeline
WHERE conversation_id = ? AND bucket = ? AND seq < ? ORDER BY seq DESC LIMIT ?"""
_READ_NEWEST = f"""
SELECT {_COLUMNS}, newest_by_sender[?] FROM timeline
WHERE conversation_id IN ? AND bucket = ? PER PARTITION LIMIT 1"""
_READ_HEADS = """
SELECT conversation_id, seq, sent_at FROM timeline
WHERE conversation_id IN ? AND bucket = ? PER PARTITION LIMIT 1"""
_READ_OWN = """
SELECT newest_by_sender[?] FROM timeline
WHERE conversation_id = ? AND bucket IN ? PER PARTITION LIMIT 1"""
_READ_NEWEST_SENDERS = """
SELECT newest_by_sender FROM timeline
WHERE conversation_id = ? AND bucket IN ? PER PARTITION LIMIT 1"""
_READ_SENDERS_BETWEEN = """
SELECT sender_id FROM timeline
WHERE conversation_id = ? AND bucket = ? AND seq > ? AND seq <= ?"""
_READ_NUMBER = """
SELECT message_number FROM timeline
WHERE conversation_id = ? AND bucket = ? AND seq <= ? ORDER BY seq DESC LIMIT 1"""
_READ_BUCKETS = "SELECT conversation_id, bucket FROM newest_buckets WHERE conversation_id IN ?"
_READ_ALL_BUCKETS = "SELECT conversation_id, bucket, WRITETIME(bucket) FROM newest_buckets"
_READ_BUCKET = _READ_ALL_BUCKETS + " WHERE conversation_id = ?"
_READ_SENDERS = """
SELECT newest_by_sender, WRITETIME(newest_by_sender) FROM timeline
WHERE conversation_id = ? AND bucket = ? LIMIT 1"""
_READ_PARTITIONS = "SELECT DISTINCT conversation_id, bucket FROM timeline"

_ROWS_AT_ONCE = 50
_BUCKETS_BACK = 64


class Newest(NamedTuple):
    """The newest row of a conversation, and the newest seq that one user sent in its bucket."""

    row: TimelineRow
    own_seq: int


class TimelineStore:
    """The rows of conversations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def apply(self, writes: Iterable[Write]) -> None:
        """Keep rows. May be repeated, in any order."""
        await self._database.write(map(_statement, writes))

    async def after(
        self, conversation_id: str, seq: int, *, until: int, limit: int, body_bytes: int
    ) -> list[TimelineRow]:
        """The rows above a seq, rising, as far as the bucket of `until`; bounded."""
        rows: list[TimelineRow] = []
        bucket, last = bucket_of(seq + 1), bucket_of(until)
        while bucket <= last and (want := _wanted(rows, limit, body_bytes)):
            found = await self._slice(_READ_AFTER, conversation_id, bucket, seq, want)
            rows += found
            if len(found) < want:
                bucket += 1
            else:
                seq = found[-1].seq
        return rows

    async def before(
        self, conversation_id: str, seq: int, *, limit: int, body_bytes: int
    ) -> list[TimelineRow]:
        """The rows below a seq, falling; bounded."""
        rows: list[TimelineRow] = []
        bucket = bucket_of(seq - 1)
        while bucket >= 0 and (want := _wanted(rows, limit, body_bytes)):
            found = await self._slice(_READ_BEFORE, conversation_id, bucket, seq, want)
            rows += found
            if len(found) < want:
                bucket -= 1
            else:
                seq = found[-1].seq
        return rows

    async def newest_buckets(self, conversations: Collection[str]) -> dict[str, int]:
        """Where conversations end; those without any fact are absent."""
        rows = await read_in(self._database, _READ_BUCKETS, conversations)
        return {row[0]: row[1] for row in rows}

    async def heads(self, conversations: Collection[str]) -> dict[str, tuple[int, int]]:
        """The newest seq of each conversation and the time of its message, without bodies; those
        without any fact are absent."""
        by_bucket: dict[int, list[str]] = {}
        for conversation_id, bucket in (await self.newest_buckets(conversations)).items():
            by_bucket.setdefault(bucket, []).append(conversation_id)
        found: dict[str, tuple[int, int]] = {}
        for bucket, some in by_bucket.items():
            for row in await read_in(self._database, _READ_HEADS, some, after=[bucket]):
                if row[2] is not None:
                    found[row[0]] = (row[1], row[2])
        return found

    async def newest(self, buckets: Mapping[str, int], user_id: str = "") -> dict[str, Newest]:
        """The newest row in the given bucket of each conversation, and the user's own newest."""
        by_bucket: dict[int, list[str]] = {}
        for conversation_id, bucket in buckets.items():
            by_bucket.setdefault(bucket, []).append(conversation_id)
        found: dict[str, Newest] = {}
        for bucket, conversations in by_bucket.items():
            rows = await read_in(
                self._database, _READ_NEWEST, conversations, before=[user_id], after=[bucket]
            )
            for row in rows:
                if row[2] is not None:
                    found[row[0]] = Newest(TimelineRow(*row[:12]), row[12] or 0)
        return found

    async def own_newest(self, conversation_id: str, user_id: str, above: int, below: int) -> int:
        """The newest seq that the user sent in the buckets from one seq to another, or 0."""
        values = [user_id, conversation_id, _buckets(above, below)]
        rows = await self._database.read(_READ_OWN, values)
        return max((row[0] or 0 for row in rows), default=0)

    async def others_newest(
        self, conversation_id: str, user_id: str, above: int, below: int
    ) -> int:
        """The newest seq that anybody else sent in the buckets from one seq to another, or 0."""
        values = [conversation_id, _buckets(above, below)]
        rows = await self._database.read(_READ_NEWEST_SENDERS, values)
        newest = [row[0] or {} for row in rows]
        return max(
            (seq for senders in newest for sender, seq in senders.items() if sender != user_id),
            default=0,
        )

    async def sent_by(self, conversation_id: str, user_id: str, above: int, up_to: int) -> int:
        """How many messages the user sent above one seq and up to another; they are all read."""
        found = 0
        for bucket in range(bucket_of(above + 1), bucket_of(up_to) + 1):
            rows = await self._database.read(
                _READ_SENDERS_BETWEEN, [conversation_id, bucket, above, up_to]
            )
            found += sum(row[0] == user_id for row in rows)
        return found

    async def number_at(self, conversation_id: str, seq: int) -> int:
        """The number of the newest message at or below a seq, or 0."""
        values = [conversation_id, bucket_of(seq), seq]
        for bucket in (bucket_of(seq), bucket_of(seq) - 1):
            values[1] = bucket
            if bucket >= 0 and (rows := await self._database.read(_READ_NUMBER, values)):
                number: int = rows[0][0]
                return number
        return 0

    async def partitions(self) -> AsyncIterator[tuple[str, int]]:
        """Every conversation and bucket that has rows."""
        async for page in self._database.pages(_READ_PARTITIONS):
            for row in page:
                yield row[0], row[1]

    async def cells(self, conversation_id: str, bucket: int) -> list[Cell]:
        """All that is held of one bucket."""
        found: list[Cell] = []
        values = [conversation_id, bucket, -1, 2**31 - 1]
        for row in await self._database.read(_READ_AFTER, values):
            key = ("timeline", conversation_id, bucket, row[2])
            found.append(Cell(key, tuple(row[3:11]), row[11]))
        for senders, positions in await self._database.read(_READ_SENDERS, values[:2]):
            for (sender, seq), position in zip(
                (senders or {}).items(), positions or (), strict=True
            ):
                key = ("newest_by_sender", conversation_id, bucket, sender)
                found.append(Cell(key, seq, position))
        return found

    async def bucket_cells(self, conversation_id: str | None = None) -> list[Cell]:
        """All that is held of where conversations end, or one of them."""
        query, values = (
            (_READ_ALL_BUCKETS, ())
            if conversation_id is None
            else (_READ_BUCKET, (conversation_id,))
        )
        rows = await self._database.read(query, values)
        return [Cell(("newest_buckets", row[0]), row[1], row[2]) for row in rows]

    async def _slice(
        self, query: str, conversation_id: str, bucket: int, seq: int, limit: int
    ) -> list[TimelineRow]:
        rows = await self._database.read(query, [conversation_id, bucket, seq, limit])
        return [TimelineRow(*row) for row in rows]


def _statement(write: Write) -> tuple[str, tuple[Any, ...]]:
    if isinstance(write, BucketStarted):
        return _WRITE_BUCKET, (write.position, write.bucket, write.conversation_id)
    return _WRITE_ROW, (
        write.position,
        *write.content,
        write.sender_id,
        write.seq,
        *write[:3],
    )


def _buckets(above: int, below: int) -> list[int]:
    """The buckets from one seq to another, the newest of them when they are many."""
    last = bucket_of(below)
    return list(range(max(bucket_of(above), last - _BUCKETS_BACK), last + 1))


def _wanted(rows: list[TimelineRow], limit: int, body_bytes: int) -> int:
    """How many rows to read next: few at once, since bodies may be large."""
    if sum(len(row.body) for row in rows) >= body_bytes:
        return 0
    return min(limit - len(rows), _ROWS_AT_ONCE)
