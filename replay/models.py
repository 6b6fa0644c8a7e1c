"""The read models that can be compared with the log: where each comes from, what it holds.

A model projects a record to cells with the live worker's own `project`, and says what is live: of
one partition of the log, or of one conversation.
"""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

from events.members import members_of
from events.receipts import MARKER_KINDS
from events.topics import CONVERSATIONS, RECEIPTS, Topic, partition_of
from infra.database import Database
from projections.cells import Cell, Key
from projections.history import projection as history
from projections.history.store import TimelineStore
from projections.inbox import projection as inbox
from projections.inbox.store import InboxStore
from projections.receipts import projection as receipts
from projections.receipts.store import ReceiptStore


class Model(Protocol):
    """A read model and the topic it comes from."""

    topic: Topic
    group: str
    fenced: bool

    def cells(self, event: Struct, position: int) -> list[Cell]:
        """What a record leaves."""
        ...

    async def survey(self) -> None:
        """Learn what is live at all, so that what the log does not hold is found too."""
        ...

    async def live(self, partition: int, expected: Iterable[Key]) -> list[Cell]:
        """What is live of a partition: what is expected there, and what the survey saw."""
        ...

    async def live_of(self, conversation_id: str, expected: Iterable[Key]) -> list[Cell]:
        """What is live of one conversation."""
        ...


class History:
    """Timelines, where they end, and the conversations of users."""

    topic = CONVERSATIONS
    group = "history"
    fenced = True

    def __init__(self, database: Database) -> None:
        self._timeline = TimelineStore(database)
        self._inbox = InboxStore(database)
        self._buckets: dict[int, set[tuple[str, int]]] = {}
        self._others: dict[int, list[Cell]] = {}

    def cells(self, event: Struct, position: int) -> list[Cell]:
        """What a record leaves."""
        written = [
            cell for write in history.project(event, position) for cell in history.cells(write)
        ]
        joined = [
            cell
            for write in inbox.project(event, position, members_of)
            for cell in inbox.cells(write)
        ]
        return written + joined

    async def survey(self) -> None:
        """Learn what is live at all."""
        async for conversation_id, bucket in self._timeline.partitions():
            some = self._buckets.setdefault(partition_of(conversation_id), set())
            some.add((conversation_id, bucket))
        for cell in await self._timeline.bucket_cells():
            self._others.setdefault(partition_of(cell.key[1]), []).append(cell)
        async for cell in self._inbox.all_cells():
            self._others.setdefault(partition_of(cell.key[2]), []).append(cell)

    async def live(self, partition: int, expected: Iterable[Key]) -> list[Cell]:
        """What is live of a partition."""
        buckets = self._buckets.get(partition, set()) | _buckets(expected)
        return await self._timelines(buckets) + self._others.get(partition, [])

    async def live_of(self, conversation_id: str, expected: Iterable[Key]) -> list[Cell]:
        """What is live of one conversation."""
        last = max((bucket for _, bucket in _buckets(expected)), default=0)
        cells = await self._timelines({(conversation_id, one) for one in range(last + 2)})
        cells += await self._timeline.bucket_cells(conversation_id)
        for member in members_of(conversation_id):
            cells += await self._inbox.cells(member, conversation_id)
        return cells

    async def _timelines(self, buckets: Iterable[tuple[str, int]]) -> list[Cell]:
        answers = await asyncio.gather(*(self._timeline.cells(*bucket) for bucket in buckets))
        return [cell for cells in answers for cell in cells]


class Receipts:
    """Moves of markers."""

    topic = RECEIPTS
    group = "receipts"
    fenced = False

    def __init__(self, database: Database) -> None:
        self._store = ReceiptStore(database)
        self._markers: dict[int, set[tuple[str, str, str]]] = {}

    def cells(self, event: Struct, position: int) -> list[Cell]:
        """What a record leaves."""
        return [
            cell for write in receipts.project(event, position) for cell in receipts.cells(write)
        ]

    async def survey(self) -> None:
        """Learn what is live at all."""
        async for marker in self._store.partitions():
            self._markers.setdefault(partition_of(marker[0]), set()).add(marker)

    async def live(self, partition: int, expected: Iterable[Key]) -> list[Cell]:
        """What is live of a partition."""
        moved = {(key[1], key[2], key[3]) for key in expected}
        return await self._moves(moved | self._markers.get(partition, set()))

    async def live_of(self, conversation_id: str, expected: Iterable[Key]) -> list[Cell]:
        """What is live of one conversation."""
        moved = {(key[1], key[2], key[3]) for key in expected}
        members = members_of(conversation_id)
        return await self._moves(
            moved | {(conversation_id, member, kind) for member in members for kind in MARKER_KINDS}
        )

    async def _moves(self, markers: Iterable[tuple[str, str, str]]) -> list[Cell]:
        answers = await asyncio.gather(*(self._store.cells(marker) for marker in markers))
        return [cell for cells in answers for cell in cells]


def _buckets(keys: Iterable[Key]) -> set[tuple[str, int]]:
    return {(key[1], key[2]) for key in keys if key[0] in ("timeline", "newest_by_sender")}


MODELS: dict[str, type[History] | type[Receipts]] = {"history": History, "receipts": Receipts}
"""Every read model that can be verified, by the name of its worker."""
