"""Prepared statements that encode their own values, and rows grouped into batches. Pure.

In: a prepared statement and values in the order of its marks. Out: bytes, the partition they go to,
and runs of rows small enough for one batch.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.query import UNSET_VALUE, PreparedStatement

BATCH_ROWS = 64
MANY_ROWS = 256
BATCH_ROWS_OF_MANY = 16
"""Large batches cost least. But a batch waits at each of its partitions, one after the other, for
a sync of the commit log: many rows are stored in half the time by small batches side by side."""

BATCH_BYTES = 32_768
"""Cassandra refuses a batch of several partitions above 50 KiB unless told otherwise."""

Row = tuple[bytes, list[Any]]
"""A partition's routing key, and the encoded values of one write."""

_bigint = struct.Struct(">q").pack
_short = struct.Struct(">H").pack
_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "text": str.encode,
    "varchar": str.encode,
    "bigint": _bigint,
}


class Statement:
    """A prepared statement that encodes its values: the driver's binding costs three times that."""

    def __init__(self, prepared: PreparedStatement) -> None:
        prepared.consistency_level = ConsistencyLevel.LOCAL_QUORUM
        prepared.is_idempotent = True
        self.prepared = prepared
        self._encoders = [
            _ENCODERS.get(column.type.typename) for column in prepared.column_metadata
        ]
        self._key_indexes: list[int] = prepared.routing_key_indexes or []

    def encode(self, values: Sequence[Any]) -> list[Any]:
        """The values as bytes."""
        return [
            UNSET_VALUE if value is None else encode(value)  # type: ignore[misc]
            for encode, value in zip(self._encoders, values, strict=True)
        ]

    def routing_key(self, encoded: Sequence[Any]) -> bytes:
        """The partition that encoded values name."""
        parts: list[bytes] = [encoded[index] for index in self._key_indexes]
        if len(parts) == 1:
            return parts[0]
        return b"".join([_short(len(part)) + part + b"\0" for part in parts])


def batches_of(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    """Rows in batches of bounded size; those of one partition side by side, to be merged."""
    ordered = sorted(rows, key=_partition)
    batch_rows = BATCH_ROWS if len(ordered) < MANY_ROWS else BATCH_ROWS_OF_MANY
    start, size = 0, 0
    for index, (_, values) in enumerate(ordered):
        cost = sum([len(value) for value in values if value is not UNSET_VALUE])
        if index > start and (index - start >= batch_rows or size + cost > BATCH_BYTES):
            yield ordered[start:index]
            start, size = index, 0
        size += cost
    if ordered:
        yield ordered[start:]


def _partition(row: Row) -> bytes:
    return row[0]
