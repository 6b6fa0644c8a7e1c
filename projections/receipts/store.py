"""Moves of markers in Cassandra: kept once each, with the position of the record as write time."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import NamedTuple

from events.receipts import MARKER_KINDS, MarkerKind
from projections.cells import Cell
from projections.database import Database
from projections.receipts.projection import MarkerMoved

_WRITE = """
INSERT INTO marker_moves (conversation_id, user_id, kind, seq, moved_at, device_id)
VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"""
_READ_MARKERS = """
SELECT conversation_id, user_id, kind, seq FROM marker_moves
WHERE conversation_id = ? AND user_id IN ? AND kind IN ? PER PARTITION LIMIT 1"""
_READ_MOVE = """
SELECT seq, moved_at, device_id FROM marker_moves
WHERE conversation_id = ? AND user_id = ? AND kind = ? AND seq >= ? ORDER BY seq ASC LIMIT 1"""
_READ_MARKER = """
SELECT conversation_id, user_id, kind, seq, moved_at, device_id, WRITETIME(moved_at)
FROM marker_moves WHERE conversation_id = ? AND user_id = ? AND kind = ?"""
_READ_PARTITIONS = "SELECT DISTINCT conversation_id, user_id, kind FROM marker_moves"

Marker = tuple[str, str, str]
"""Conversation, user and kind."""


class Move(NamedTuple):
    """When a marker came to stand at a seq, and through which device."""

    seq: int
    moved_at: int
    device_id: str


class ReceiptStore:
    """Who has read what, and since when."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def apply(self, writes: Iterable[MarkerMoved]) -> None:
        """Keep moves. May be repeated, in any order."""
        await self._database.write((_WRITE, write) for write in writes)

    async def markers(self, members: Mapping[str, Sequence[str]]) -> dict[Marker, int]:
        """The markers of these members of conversations; those that never moved are absent."""
        answers = await asyncio.gather(
            *(
                self._database.read(
                    _READ_MARKERS, [conversation_id, list(users), list(MARKER_KINDS)]
                )
                for conversation_id, users in members.items()
            )
        )
        return {(row[0], row[1], row[2]): row[3] for rows in answers for row in rows}

    async def reached(
        self, conversation_id: str, user_id: str, kind: MarkerKind, seq: int
    ) -> Move | None:
        """The move by which a message reached a member, or was read by it; one range query."""
        rows = await self._database.read(_READ_MOVE, [conversation_id, user_id, kind, seq])
        return Move(*rows[0]) if rows else None

    async def partitions(self) -> AsyncIterator[Marker]:
        """Every marker that ever moved."""
        async for page in self._database.pages(_READ_PARTITIONS):
            for row in page:
                yield row[0], row[1], row[2]

    async def cells(self, marker: Marker) -> list[Cell]:
        """All that is held of one marker."""
        return [
            Cell(("marker_moves", *row[:4]), tuple(row[4:6]), row[6])
            for row in await self._database.read(_READ_MARKER, marker)
        ]
