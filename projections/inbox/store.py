"""The conversations of users in Cassandra.

A row is written once, with the position of the conversation's first fact as its write time.
"""

from collections.abc import AsyncIterator, Collection, Iterable

from projections.cells import Cell
from projections.database import Database, read_in
from projections.inbox.projection import ConversationJoined

_WRITE = """
INSERT INTO conversations_by_user (user_id, conversation_id, joined_at)
VALUES (?, ?, ?) USING TIMESTAMP ?"""
_READ = "SELECT user_id, conversation_id FROM conversations_by_user WHERE user_id IN ?"
_READ_ALL = """
SELECT user_id, conversation_id, joined_at, WRITETIME(joined_at) FROM conversations_by_user"""
_READ_ONE = _READ_ALL + " WHERE user_id = ? AND conversation_id = ?"


class InboxStore:
    """Who has which conversations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def apply(self, writes: Iterable[ConversationJoined]) -> None:
        """Keep rows. May be repeated, in any order."""
        await self._database.write((_WRITE, write) for write in writes)

    async def conversations_of(self, users: Collection[str]) -> dict[str, set[str]]:
        """The conversations of each of these users."""
        found: dict[str, set[str]] = {user: set() for user in users}
        for user_id, conversation_id in await read_in(self._database, _READ, users):
            found[user_id].add(conversation_id)
        return found

    async def all_cells(self) -> AsyncIterator[Cell]:
        """All that is held."""
        async for page in self._database.pages(_READ_ALL):
            for row in page:
                yield _cell(row)

    async def cells(self, user_id: str, conversation_id: str) -> list[Cell]:
        """What is held of one user in one conversation."""
        return [
            _cell(row) for row in await self._database.read(_READ_ONE, [user_id, conversation_id])
        ]


def _cell(row: tuple[str, str, int, int]) -> Cell:
    return Cell(("conversations_by_user", row[0], row[1]), row[2], row[3])
