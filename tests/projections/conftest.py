"""Connections of stores to the real Cassandra and Redis of the stack."""

from collections.abc import AsyncIterator, Iterator

import pytest
from cassandra.cluster import Session

from infra import cassandra
from infra.database import Database
from infra.redis import RedisPipe
from infra.settings import load
from infra.stack.stack import Stack
from projections.pipe import pack
from replay.verify import Settings


@pytest.fixture(scope="package")
def session(stack: Stack) -> Iterator[Session]:
    session = cassandra.connect(load(Settings, stack.environment()).cassandra)
    yield session
    session.cluster.shutdown()


@pytest.fixture
def database(session: Session) -> Database:
    return Database(lambda: session)


@pytest.fixture
async def pipe(stack: Stack) -> AsyncIterator[RedisPipe]:
    """A Redis that is empty."""
    pipe = RedisPipe(stack.environment()["CHAT_REDIS_URL"], timeout_seconds=5)
    await pipe.run([pack("FLUSHALL")])
    yield pipe
    await pipe.close()
