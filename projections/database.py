"""What a Cassandra store needs of its connection: rows read and written by CQL and values.

`infra.database.Database` is the real one.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Any, Protocol

from projections.pieces import in_pieces


class Database(Protocol):
    """Prepared statements on Cassandra."""

    async def read(self, cql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query."""
        ...

    def pages(self, cql: str, values: Sequence[Any] = ()) -> AsyncIterator[list[Any]]:
        """The rows of a query, some thousand at a time."""
        ...

    async def write(self, writes: Iterable[tuple[str, Sequence[Any]]]) -> None:
        """Apply statements with their values, in any order; None leaves a column as it is."""
        ...


_KEYS_AT_ONCE = 50


async def read_in(
    database: Database,
    cql: str,
    keys: Collection[str],
    *,
    before: Sequence[Any] = (),
    after: Sequence[Any] = (),
) -> list[Any]:
    """The rows of a query with `IN ?`, asked for some keys at a time, side by side."""
    answers = await asyncio.gather(
        *(
            database.read(cql, [*before, some, *after])
            for some in in_pieces(list(keys), _KEYS_AT_ONCE)
        )
    )
    return [row for rows in answers for row in rows]
