"""Cassandra for the stores: rows read and written by prepared statements, from asyncio.

A store gives CQL and values; this prepares each text once, groups writes into unlogged batches that
each concern one replica, bounds what is under way, and opens the session on first use, so a worker
starts while Cassandra is away. Writes carry their own write times and may be repeated; a failed
`write` has an unknown outcome and is simply done again. LOCAL_QUORUM both ways: what was confirmed
is found.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import ResponseFuture, Session
from cassandra.query import BatchStatement, BatchType, BoundStatement

from infra.errors import UserError
from infra.statements import Row, Statement, batches_of

Write = tuple[str, Sequence[Any]]
"""A statement and its values; None leaves the column as it is."""

_BATCHES_UNDER_WAY = 32
_READS_UNDER_WAY = 64


class Database:
    """Statements on one session, which is opened when it is first needed."""

    def __init__(self, open_session: Callable[[], Session]) -> None:
        self._open_session = open_session
        self._session: Any = None
        self._statements: dict[str, Statement] = {}
        self._preparing = asyncio.Lock()
        self._reads = asyncio.Semaphore(_READS_UNDER_WAY)
        self._writes = asyncio.Semaphore(_BATCHES_UNDER_WAY)

    async def read(self, cql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query."""
        rows: list[Any] = []
        async for page in self.pages(cql, values):
            rows += page
        return rows

    async def pages(self, cql: str, values: Sequence[Any] = ()) -> AsyncIterator[list[Any]]:
        """The rows of a query, some thousand at a time."""
        session, statement = await self._ready(cql)
        async with self._reads:
            answer = _Answer(session.execute_async(statement.prepared, values))
            page = await answer.page()
        yield page
        while answer.more:
            async with self._reads:
                answer.next()
                page = await answer.page()
            yield page

    async def write(self, writes: Iterable[Write]) -> None:
        """Apply all writes, in any order. When it raises, some may have been applied."""
        ready: dict[str, tuple[Session, Statement]] = {}
        groups: dict[tuple[str, object], list[Row]] = {}
        for cql, values in writes:
            if cql not in ready:
                ready[cql] = await self._ready(cql)
            session, statement = ready[cql]
            encoded = statement.encode(values)
            key = statement.routing_key(encoded)
            groups.setdefault((cql, _replica(session, key)), []).append((key, encoded))
        outcomes = await asyncio.gather(
            *(
                self._apply(*ready[cql], batch)
                for (cql, _), rows in groups.items()
                for batch in batches_of(rows)
            ),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _apply(self, session: Session, statement: Statement, rows: Sequence[Row]) -> None:
        batch = BatchStatement(BatchType.UNLOGGED, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        batch.is_idempotent = True
        batch.keyspace, batch.routing_key = session.keyspace, rows[0][0]
        bound = BoundStatement(statement.prepared)
        for _, values in rows:
            bound.values = values
            batch.add(bound)
        async with self._writes:
            await _Answer(session.execute_async(batch)).page()

    async def _ready(self, cql: str) -> tuple[Session, Statement]:
        statement = self._statements.get(cql)
        if statement is not None:
            return self._session, statement
        async with self._preparing:
            session = self._session
            if session is None:
                session = self._session = await asyncio.to_thread(self._open)
            if cql not in self._statements:
                prepared = await asyncio.to_thread(session.prepare, cql)
                self._statements[cql] = Statement(prepared)
            return session, self._statements[cql]

    def _open(self) -> Session:
        try:
            return self._open_session()
        except UserError as error:
            raise ConnectionError(str(error)) from error


class _Answer:
    """The pages of one request, awaited on the loop while the driver's thread receives them."""

    def __init__(self, future: ResponseFuture) -> None:
        self._future = future
        self._loop = asyncio.get_running_loop()
        self._page: asyncio.Future[list[Any]] = self._loop.create_future()
        future.add_callbacks(self._received, self._failed)

    @property
    def more(self) -> bool:
        """Whether a further page may follow."""
        return bool(self._future.has_more_pages)

    def next(self) -> None:
        """Ask for the following page."""
        self._page = self._loop.create_future()
        self._future.start_fetching_next_page()

    async def page(self) -> list[Any]:
        """The page asked for last."""
        return await self._page

    def _received(self, rows: list[Any] | None) -> None:
        self._tell(rows or [], None)

    def _failed(self, error: BaseException) -> None:
        self._tell([], error)

    def _tell(self, rows: list[Any], error: BaseException | None) -> None:
        try:
            self._loop.call_soon_threadsafe(_settle, self._page, rows, error)
        except RuntimeError:  # the loop is closed: nobody is left to tell
            return


def _settle(
    page: "asyncio.Future[list[Any]]", rows: list[Any], error: BaseException | None
) -> None:
    if page.done():
        return
    if error is None:
        page.set_result(rows)
    else:
        page.set_exception(error)


def _replica(session: Session, key: bytes) -> object:
    """Who is to coordinate writes of this partition: nodes batch only what they hold."""
    metadata = session.cluster.metadata
    if len(metadata.all_hosts()) == 1:
        return None
    replicas = metadata.get_replicas(session.keyspace, key)
    return replicas[0].host_id if replicas else None
