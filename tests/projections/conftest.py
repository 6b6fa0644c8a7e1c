"""Connections of stores to the real Cassandra and Redis of the stack.

What a store does is asked of the real one and of the one that the simulator has in memory
(`any_pipe`, `any_database`): so the two keep step.
"""

import time
from collections.abc import AsyncIterator, Iterator

import pytest
from cassandra.cluster import Session

from infra import cassandra
from infra.database import Database
from infra.redis import RedisPipe
from infra.settings import load
from infra.stack.stack import Stack
from projections import database as projections
from projections.pipe import Pipe, pack
from replay.verify import Settings
from tests.live import redis_of
from tests.simulation.cassandra import Cassandra, ImmediateDatabase
from tests.simulation.redis import ImmediatePipe, Redis


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
    pipe = RedisPipe(redis_of(stack), timeout_seconds=5)
    await pipe.run([pack("FLUSHALL")])
    yield pipe
    await pipe.close()


@pytest.fixture(params=["redis", "simulated"])
def any_pipe(request: pytest.FixtureRequest, pipe: RedisPipe) -> Pipe:
    return pipe if request.param == "redis" else ImmediatePipe(Redis(time.monotonic))


@pytest.fixture(params=["cassandra", "simulated"])
def any_database(request: pytest.FixtureRequest, database: Database) -> projections.Database:
    return database if request.param == "cassandra" else ImmediateDatabase(Cassandra())
