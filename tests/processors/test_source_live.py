"""A source on real Kafka: partitions that arrive, batches that are confirmed late, and a revoke."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from infra.log_check import LogLost
from infra.settings import KafkaSettings
from infra.stack.stack import Stack
from infra.ticker import Ticker
from processors.progress import Progress
from processors.received import Confirmation
from processors.source import Batch, Source
from tests.live import kafka_of, until

PARTITIONS = 4


@pytest.fixture
def kafka(stack: Stack) -> KafkaSettings:
    return kafka_of(stack)


@pytest.fixture
def topic(kafka: KafkaSettings) -> str:
    """A topic of this test alone; its name is its only group's too."""
    name = f"source-{uuid.uuid4().hex[:8]}"
    admin = AdminClient(kafka.connection())
    admin.create_topics([NewTopic(name, PARTITIONS)])[name].result(10)
    return name


class Owner:
    """An assignee that takes until it is let go to restore what arrives, and remembers all."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.at_work = 0
        self.owned: set[int] = set()
        self.left_at_work = False
        self.start: int | None = None
        """Where the first partition starts, if not where the group left off."""

    async def assigned(self, committed: list[TopicPartition]) -> list[TopicPartition]:
        self.at_work += 1
        async with asyncio.timeout(60):
            await self.go_on.wait()
        self.owned |= {place.partition for place in committed}
        self.at_work -= 1
        for place in committed:
            if place.partition == 0 and self.start is not None:
                place.offset = self.start
        return committed

    def committing(self, place: TopicPartition) -> TopicPartition:
        metadata = f"{place.metadata} confirmed"
        return TopicPartition(place.topic, place.partition, place.offset, metadata=metadata)

    def revoked(self, partitions: list[TopicPartition]) -> None:
        self.left_at_work |= self.at_work > 0
        self.owned -= {place.partition for place in partitions}


Run = Callable[..., Awaitable[Source]]


@pytest.fixture
async def run(kafka: KafkaSettings, topic: str) -> AsyncIterator[Run]:
    """Starts a source whose batches go to a function that may give a confirmation."""
    async with AsyncExitStack() as cleanup:

        async def run(
            owner: Owner,
            handle: Callable[[list[int]], Confirmation | None] = lambda numbers: None,
            consumer_of: Callable[[dict[str, Any]], Consumer] = Consumer,
            go_on: asyncio.Event | None = None,
        ) -> Source:
            async def take(batch: Batch) -> None:
                numbers = [int(record.value() or b"") for record in batch.records]
                confirmation = handle(numbers)
                if go_on is not None:
                    await go_on.wait()
                batch.handled.set_result(confirmation)

            source = Source(
                group=topic,
                topics=[topic],
                kafka=kafka,
                take=take,
                assignee=owner,
                mark_behind=lambda record: "7",
                progress=Progress(),
                on_failure=pytest.fail,
                client_id="test",
                ticker=Ticker(asyncio.get_running_loop()),
                consumer_of=consumer_of,
            )
            await source.on_start()
            cleanup.push_async_callback(source.on_stop)
            cleanup.callback(owner.go_on.set)
            return source

        yield run


def write(kafka: KafkaSettings, topic: str, number: int, partition: int = 0) -> None:
    producer = Producer(kafka.connection())
    producer.produce(topic, str(number).encode(), partition=partition)
    assert producer.flush(60) == 0


def committed(kafka: KafkaSettings, topic: str, partition: int = 0) -> TopicPartition:
    """What the group committed of a partition."""
    asker = Consumer({**kafka.connection(), "group.id": topic})
    try:
        return asker.committed([TopicPartition(topic, partition)], timeout=60)[0]
    finally:
        asker.close()


async def test_no_partition_leaves_while_its_assignee_claims_it(run: Run) -> None:
    """A claim that lands when another process owns the partition would fence that process off."""
    first, second = Owner(), Owner()
    second.go_on.set()
    await run(first)
    await until(lambda: first.at_work, what="partitions for the first process")
    await run(second)
    await asyncio.sleep(3.0)
    assert not second.owned
    assert not first.left_at_work

    first.go_on.set()

    await until(lambda: len(first.owned) == len(second.owned) == PARTITIONS // 2)
    assert first.owned | second.owned == set(range(PARTITIONS))
    assert not first.left_at_work


async def test_what_is_confirmed_late_is_committed_in_order(
    run: Run, kafka: KafkaSettings, topic: str
) -> None:
    loop = asyncio.get_running_loop()
    confirmations: dict[int, asyncio.Future[None]] = {}

    def handle(numbers: list[int]) -> Confirmation:
        return confirmations.setdefault(numbers[-1], loop.create_future())

    owner = Owner()
    owner.go_on.set()
    await run(owner, handle)
    for number in range(3):
        await asyncio.to_thread(write, kafka, topic, number)
        await until(lambda number=number: number in confirmations)

    confirmations[2].set_result(None)
    await asyncio.sleep(1.5)
    assert committed(kafka, topic).offset < 0

    confirmations[0].set_result(None)
    await until(lambda: committed(kafka, topic).offset == 1)

    confirmations[1].set_result(None)
    await until(lambda: committed(kafka, topic).offset == 3)
    assert committed(kafka, topic).metadata == "7 confirmed"


async def test_what_was_not_confirmed_comes_again(
    run: Run, kafka: KafkaSettings, topic: str
) -> None:
    seen: list[int] = []

    def handle(numbers: list[int]) -> Confirmation | None:
        seen.extend(numbers)
        return asyncio.get_running_loop().create_future() if 1 in numbers else None

    owner = Owner()
    owner.go_on.set()
    first = await run(owner, handle)
    for number in range(2):
        await asyncio.to_thread(write, kafka, topic, number)
        await until(lambda number=number: number in seen)
    await until(lambda: committed(kafka, topic).offset == 1)
    first.progress.retrying = True  # it would wait for the confirmation otherwise
    await first.on_stop()

    again: list[int] = []
    await run(owner, again.extend)
    await until(lambda: again)
    assert again == [1]


class Overtaken(Consumer):
    """What was fetched from the beginning comes although it was told where to start."""

    def seek(self, *args: Any, **kwargs: Any) -> None:
        pass


async def test_what_is_before_the_start_is_dropped(
    run: Run, kafka: KafkaSettings, topic: str
) -> None:
    for number in range(3):
        await asyncio.to_thread(write, kafka, topic, number)
    owner = Owner()
    owner.go_on.set()
    owner.start = 2
    seen: list[int] = []
    await run(owner, seen.extend, Overtaken)
    await until(lambda: seen)
    assert seen == [2]


class Losing(Owner):
    """What arrives later is lost."""

    async def assigned(self, committed: list[TopicPartition]) -> list[TopicPartition]:
        if self.owned:
            raise LogLost((committed[0].topic, committed[0].partition), "it was read", "nothing")
        return await super().assigned(committed)


class Together(Consumer):
    """One look brings a record and, before it, the news that partitions arrived."""

    have_arrived: Callable[[], object] | None = None

    def poll(self, timeout: float = -1) -> Message | None:
        found = super().poll(timeout)
        if self.have_arrived is not None:
            while not (found and self.have_arrived()):
                found = super().poll(0.1) or found
            self.have_arrived = None
        return found


async def test_a_role_that_stops_confirms_what_it_has_in_hand_and_its_process_stays(
    run: Run, kafka: KafkaSettings, topic: str
) -> None:
    """A partition arrives that is lost, while a batch of another is being handled."""
    losing, other, go_on = Losing(), Owner(), asyncio.Event()
    losing.go_on.set()
    other.go_on.set()
    second = await run(other)
    await until(lambda: len(other.owned) == PARTITIONS)
    seen: list[int] = []
    consumers: list[Together] = []

    def consumer_of(config: dict[str, Any]) -> Together:
        consumers.append(Together(config))
        return consumers[-1]

    first = await run(losing, seen.extend, consumer_of, go_on)
    await until(lambda: losing.owned and len(losing.owned | other.owned) == PARTITIONS)
    partition = min(losing.owned)
    consumers[0].have_arrived = lambda: first._partitions._arriving

    def write_and_leave() -> None:
        write(kafka, topic, 1, partition)
        second.leave()

    await asyncio.to_thread(write_and_leave)
    await until(lambda: first.progress.stopped)
    assert seen == [1]
    go_on.set()
    await until(lambda: committed(kafka, topic, partition).offset == 1)
    assert not first.progress.failed


class Unanswered(Consumer):
    """Kafka does not say at first what was committed."""

    asked = 0

    def committed(self, *args: Any, **kwargs: Any) -> list[TopicPartition]:
        self.asked += 1
        if self.asked == 1:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return super().committed(*args, **kwargs)


class Hasty(Owner):
    """Its claim fails at first."""

    async def assigned(self, committed: list[TopicPartition]) -> list[TopicPartition]:
        if not self.at_work:
            self.at_work += 1
            raise TimeoutError
        return await super().assigned(committed)


@pytest.mark.parametrize(("owner", "consumer_of"), [(Owner(), Unanswered), (Hasty(), Consumer)])
async def test_partitions_are_begun_again_when_kafka_was_away(
    run: Run, kafka: KafkaSettings, topic: str, owner: Owner, consumer_of: type[Consumer]
) -> None:
    seen: list[int] = []
    owner.go_on.set()
    await asyncio.to_thread(write, kafka, topic, 1)
    await run(owner, seen.extend, consumer_of)
    await until(lambda: seen == [1])
    assert owner.owned == set(range(PARTITIONS))


async def test_who_leaves_at_once_is_followed_at_once(
    run: Run, kafka: KafkaSettings, topic: str
) -> None:
    """And what was not confirmed comes to the next owner."""
    first, second, loop = Owner(), Owner(), asyncio.get_running_loop()
    first.go_on.set()
    second.go_on.set()
    asked: list[int] = []

    def unconfirmed(numbers: list[int]) -> Confirmation:
        asked.extend(numbers)
        return loop.create_future()

    source = await run(first, unconfirmed)
    await asyncio.to_thread(write, kafka, topic, 1)
    await until(lambda: asked)
    source.progress.retrying = True  # its stop at the end would wait for the confirmation

    began = loop.time()
    await asyncio.to_thread(source.leave)
    again: list[int] = []
    await run(second, again.extend)
    await until(lambda: again == [1])
    assert loop.time() - began < 5.0, "it waited for the session of who left"
