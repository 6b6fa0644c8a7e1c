"""A worker that admits, and a producer that speaks to it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from infra.producer import Publisher
from infra.stack.services import worker
from infra.stack.stack import Stack
from tests.live import codec_of, kafka_of

WORKER = "worker-admission"


@pytest.fixture(scope="module")
def admission(stack: Stack) -> Iterator[Stack]:
    """The stack with one admission worker."""
    stack.run(worker(stack.ports, WORKER, ("admission", "snapshots")))
    yield stack
    stack.stop_part(WORKER)


@pytest.fixture
async def publisher(stack: Stack) -> AsyncIterator[Publisher]:
    publisher = Publisher(
        kafka_of(stack),
        codec_of(stack),
        message_timeout_seconds=60,
        on_fatal=pytest.fail,
    )
    await publisher.start()
    yield publisher
    await publisher.stop()
