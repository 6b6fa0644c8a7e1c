"""Cassandra in memory: tables of cells with write times, and the statements that the stores use.

Of two writes of a cell the one with the later write time stays, whatever came last; at the same
time the greater value does.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

from projections.history import store as timeline
from projections.inbox import store as inbox
from projections.receipts import store as receipts
from tests.simulation.machine import Machine, Process

Cell = tuple[Any, int]


class Table(dict[tuple[Any, ...], dict[Any, Cell]]):
    """Rows by primary key; each has cells by column."""

    def put(self, key: tuple[Any, ...], column: Any, value: Any, time: int) -> None:
        row = self.setdefault(key, {})
        known = row.get(column)
        if known is None or (known[1], repr(known[0])) < (time, repr(value)):
            row[column] = (value, time)


_COLUMNS = (
    *("message_number", "sender_id", "device_id", "client_message_id"),
    *("kind", "body", "reply_to_seq", "sent_at"),
)


class Cassandra:
    """The tables, and what each statement does to them."""

    def __init__(self) -> None:
        self.timeline, self.senders = Table(), Table()
        self.buckets, self.joined, self.moves = Table(), Table(), Table()
        self._writes: dict[str, Callable[..., None]] = {
            timeline._WRITE_ROW: self._write_row,
            timeline._WRITE_BUCKET: self._write_bucket,
            inbox._WRITE: self._write_joined,
            receipts._WRITE: self._write_move,
        }
        self._reads: dict[str, Callable[..., list[Any]]] = {
            timeline._READ_AFTER: self._after,
            timeline._READ_BEFORE: self._before,
            timeline._READ_NEWEST: self._newest,
            timeline._READ_HEADS: self._heads,
            timeline._READ_OWN: self._own,
            timeline._READ_NEWEST_SENDERS: self._newest_senders,
            timeline._READ_SENDERS_BETWEEN: self._senders_between,
            timeline._READ_NUMBER: self._number,
            timeline._READ_BUCKETS: self._newest_buckets,
            timeline._READ_ALL_BUCKETS: self._all_buckets,
            timeline._READ_BUCKET: self._bucket,
            timeline._READ_SENDERS: self._all_senders,
            timeline._READ_PARTITIONS: self._partitions,
            inbox._READ: self._conversations,
            inbox._READ_ALL: self._all_joined,
            inbox._READ_ONE: self._joined,
            receipts._READ_MARKERS: self._markers,
            receipts._READ_MARKER: self._moves_of,
            receipts._READ_MOVE: self._move,
            receipts._READ_PARTITIONS: self._move_partitions,
        }

    def write(self, cql: str, values: Sequence[Any]) -> None:
        """Apply one statement."""
        self._writes[cql](*values)

    def read(self, cql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query."""
        return self._reads[cql](*values)

    def _write_row(self, time: int, *values: Any) -> None:
        cells, (sender, newest), key = values[:8], values[8:10], values[10:]
        for column, value in zip(_COLUMNS, cells, strict=True):
            if value is not None:
                self.timeline.put(key, column, value, time)
        self.senders.put(key[:2], sender, newest, time)

    def _write_bucket(self, time: int, bucket: int, conversation: str) -> None:
        self.buckets.put((conversation,), "bucket", bucket, time)

    def _write_joined(self, user: str, conversation: str, joined_at: int, time: int) -> None:
        self.joined.put((user, conversation), "joined_at", joined_at, time)

    def _write_move(self, *values: Any) -> None:
        key, cells, time = values[:4], values[4:6], values[6]
        self.moves.put(key, "moved_at", cells[0], time)
        self.moves.put(key, "device_id", cells[1], time)

    def timeline_row(self, key: tuple[Any, ...]) -> tuple[Any, ...]:
        """A row as the queries of the timeline give it."""
        row = self.timeline[key]
        empty = (None, 0)
        return (*key, *(row.get(c, empty)[0] for c in _COLUMNS), row["sent_at"][1])

    def _slice(self, conversation: str, bucket: int) -> list[int]:
        return sorted(key[2] for key in self.timeline if key[:2] == (conversation, bucket))

    def _after(self, conversation: str, bucket: int, seq: int, limit: int) -> list[Any]:
        found = [one for one in self._slice(conversation, bucket) if one > seq][:limit]
        return [self.timeline_row((conversation, bucket, one)) for one in found]

    def _before(self, conversation: str, bucket: int, seq: int, limit: int) -> list[Any]:
        found = [one for one in self._slice(conversation, bucket) if one < seq][::-1][:limit]
        return [self.timeline_row((conversation, bucket, one)) for one in found]

    def _newest(self, user: str, conversations: Sequence[str], bucket: int) -> list[Any]:
        rows = []
        for conversation in conversations:
            if seqs := self._slice(conversation, bucket):
                own = self.senders[conversation, bucket].get(user, (None, 0))[0]
                rows.append((*self.timeline_row((conversation, bucket, seqs[-1])), own))
        return rows

    def _heads(self, conversations: Sequence[str], bucket: int) -> list[Any]:
        found = [(one, self._slice(one, bucket)) for one in conversations]
        rows = [self.timeline_row((one, bucket, seqs[-1])) for one, seqs in found if seqs]
        return [(row[0], row[2], row[10]) for row in rows]

    def _own(self, user: str, conversation: str, buckets: Sequence[int]) -> list[Any]:
        return [
            (self.senders[conversation, bucket].get(user, (None, 0))[0],)
            for bucket in buckets
            if (conversation, bucket) in self.senders
        ]

    def _newest_senders(self, conversation: str, buckets: Sequence[int]) -> list[Any]:
        return [
            ({sender: cell[0] for sender, cell in self.senders[conversation, bucket].items()},)
            for bucket in buckets
            if (conversation, bucket) in self.senders
        ]

    def _senders_between(self, conversation: str, bucket: int, above: int, up_to: int) -> list[Any]:
        seqs = [one for one in self._slice(conversation, bucket) if above < one <= up_to]
        return [(self.timeline_row((conversation, bucket, one))[4],) for one in seqs]

    def _number(self, conversation: str, bucket: int, seq: int) -> list[Any]:
        found = [one for one in self._slice(conversation, bucket) if one <= seq][-1:]
        return [(self.timeline_row((conversation, bucket, one))[3],) for one in found]

    def _newest_buckets(self, conversations: Sequence[str]) -> list[Any]:
        return [
            (one, self.buckets[one,]["bucket"][0])
            for one in conversations
            if (one,) in self.buckets
        ]

    def _all_buckets(self) -> list[Any]:
        return [(key[0], *row["bucket"]) for key, row in self.buckets.items()]

    def _bucket(self, conversation: str) -> list[Any]:
        return [row for row in self._all_buckets() if row[0] == conversation]

    def _all_senders(self, conversation: str, bucket: int) -> list[Any]:
        row = self.senders.get((conversation, bucket), {})
        cells = {sender: cell[0] for sender, cell in row.items()}
        return [(cells, [cell[1] for cell in row.values()])] if row else []

    def _partitions(self) -> list[Any]:
        return list(dict.fromkeys(key[:2] for key in self.timeline))

    def _conversations(self, users: Sequence[str]) -> list[Any]:
        return [key for key in self.joined if key[0] in users]

    def _all_joined(self) -> list[Any]:
        return [(*key, *row["joined_at"]) for key, row in self.joined.items()]

    def _joined(self, user: str, conversation: str) -> list[Any]:
        return [row for row in self._all_joined() if row[:2] == (user, conversation)]

    def _move(self, conversation: str, user: str, kind: str, seq: int) -> list[Any]:
        rows = sorted(self._moves_of(conversation, user, kind), key=lambda row: row[3])
        return [row[3:6] for row in rows if row[3] >= seq][:1]

    def _markers(self, conversation: str, users: Sequence[str], kinds: Sequence[str]) -> list[Any]:
        newest: dict[tuple[Any, ...], int] = {}
        for key in self.moves:
            if key[0] == conversation and key[1] in users and key[2] in kinds:
                newest[key[:3]] = max(key[3], newest.get(key[:3], 0))
        return [(*key, seq) for key, seq in newest.items()]

    def _moves_of(self, *marker: str) -> list[Any]:
        return [
            (*key, row["moved_at"][0], row["device_id"][0], row["moved_at"][1])
            for key, row in self.moves.items()
            if key[:3] == marker
        ]

    def _move_partitions(self) -> list[Any]:
        return list(dict.fromkeys(key[:3] for key in self.moves))


class SimulatedDatabase:
    """The Database of one process: each write of a batch happens, or fails, by itself."""

    def __init__(self, cassandra: Cassandra, machine: Machine, owner: Process) -> None:
        self._cassandra = cassandra
        self._machine = machine
        self._owner = owner

    async def read(self, cql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query."""
        rows: list[Any] = await self._machine.ask(
            self._owner, "cassandra", lambda: self._cassandra.read(cql, values)
        )
        return rows

    async def pages(self, cql: str, values: Sequence[Any] = ()) -> AsyncIterator[list[Any]]:
        """The rows of a query, on one page."""
        yield await self.read(cql, values)

    async def write(self, writes: Iterable[tuple[str, Sequence[Any]]]) -> None:
        """Apply statements: some of them, when it fails in the middle."""
        waiting = list(writes)
        self._machine.random.shuffle(waiting)
        half = self._machine.random.randrange(len(waiting) + 1)
        for some in (waiting[:half], waiting[half:]):
            if some:
                await self._machine.ask(self._owner, "cassandra", lambda some=some: self._all(some))

    def _all(self, writes: Sequence[tuple[str, Sequence[Any]]]) -> None:
        for cql, values in writes:
            self._cassandra.write(cql, values)


class ImmediateDatabase:
    """A Database that waits for nothing."""

    def __init__(self, cassandra: Cassandra) -> None:
        self._cassandra = cassandra

    async def read(self, cql: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._cassandra.read(cql, values)

    async def pages(self, cql: str, values: Sequence[Any] = ()) -> AsyncIterator[list[Any]]:
        yield self._cassandra.read(cql, values)

    async def write(self, writes: Iterable[tuple[str, Sequence[Any]]]) -> None:
        for cql, values in writes:
            self._cassandra.write(cql, values)
