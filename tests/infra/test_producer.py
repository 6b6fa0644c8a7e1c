"""The publisher on real Kafka: confirmed, refused in bounded time, in order."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from confluent_kafka import KafkaException

from events.codec import Codec
from events.queries import InboxRequested
from events.topics import QUERIES
from infra import topics
from infra.log_reader import LogReader
from infra.producer import Publisher, Unavailable, UnknownTopic
from infra.settings import KafkaSettings, SchemaSettings, load
from infra.stack.stack import Stack

EVENT = InboxRequested(
    request_id="1",
    user_id="ann",
    device_id="phone",
    gateway_id="g",
    gateway_epoch="e",
    session_id=1,
    limit=1,
)


@dataclass(frozen=True)
class Needs:
    """What these tests need of the stack."""

    kafka: KafkaSettings
    schemas: SchemaSettings


@asynccontextmanager
async def publisher(stack: Stack, **options: Any) -> AsyncIterator[tuple[Publisher, str]]:
    """A publisher, and a topic of one partition made for this test."""
    needs = load(Needs, stack.environment())
    topic = f"test.producer.{time.monotonic_ns()}"
    topics.apply(needs.kafka, (replace(QUERIES, name=topic, partitions=1),))
    defaults: dict[str, Any] = {"message_timeout_seconds": 60, "on_fatal": pytest.fail}
    made = Publisher(needs.kafka, Codec.from_file(needs.schemas.ids), **{**defaults, **options})
    await made.start()
    yield made, topic
    assert await made.stop() == 0


def values(stack: Stack, topic: str) -> list[bytes | None]:
    with LogReader(load(Needs, stack.environment()).kafka) as reader:
        return [record.value() for record in reader.read(reader.ends([(topic, 0)]))]


async def test_futures_give_the_offsets_in_order(stack: Stack) -> None:
    async with publisher(stack) as (made, topic):
        futures = [made.publish_bytes(topic, b"%d" % number) for number in range(2_000)]
        assert await asyncio.gather(*futures) == list(range(2_000))
        assert made.queued() == 0
    assert values(stack, topic) == [b"%d" % number for number in range(2_000)]


async def test_events_go_out_encoded_with_key_and_headers(stack: Stack) -> None:
    async with publisher(stack) as (made, topic):
        await made.publish(topic, EVENT, key="ann")
        await made.publish_bytes(topic, None, key=b"bob", headers=[("why", b"gone")])
    needs = load(Needs, stack.environment())
    with LogReader(needs.kafka) as reader:
        first, second = reader.read(reader.ends([(topic, 0)]))
    assert Codec.from_file(needs.schemas.ids).decode(first.value()) == EVENT
    assert first.key() == b"ann"
    assert (second.key(), second.value(), second.headers()) == (b"bob", None, [("why", b"gone")])


async def test_no_such_topic_or_partition_is_told(stack: Stack) -> None:
    async with publisher(stack, message_timeout_seconds=0) as (
        made,
        topic,
    ):
        with pytest.raises(UnknownTopic):
            await made.publish_bytes("test.no-such-topic", b"x")
        with pytest.raises(UnknownTopic):
            await made.publish_bytes(topic, b"x", partition=7)


async def test_a_record_that_is_too_large_is_told_and_others_go_on(stack: Stack) -> None:
    async with publisher(stack) as (made, topic):
        with pytest.raises(KafkaException):
            await made.publish_bytes(topic, bytes(5_000_000))
        assert await made.publish_bytes(topic, b"x") == 0


async def test_while_kafka_is_away_records_are_refused_in_time(stack: Stack) -> None:
    async with publisher(stack, message_timeout_seconds=5) as (
        made,
        topic,
    ):
        await made.publish_bytes(topic, b"before")
        stack.pause("kafka")
        try:
            with pytest.raises(Unavailable):
                await made.publish_bytes(topic, b"during")
        finally:
            stack.resume("kafka")
        assert await made.publish_bytes(topic, b"after") > 0


async def test_without_a_time_out_records_wait_for_kafka(stack: Stack) -> None:
    async with publisher(stack, message_timeout_seconds=0) as (made, topic):
        await made.publish_bytes(topic, b"before")
        stack.pause("kafka")
        try:
            waiting = [made.publish_bytes(topic, b"%d" % number) for number in range(10)]
            await asyncio.sleep(2)
            assert not any(future.done() for future in waiting)
        finally:
            stack.resume("kafka")
        assert await asyncio.gather(*waiting) == list(range(1, 11))


async def test_a_fault_of_one_listener_keeps_nothing_from_the_others(stack: Stack) -> None:
    async with publisher(stack) as (made, topic):
        heard: asyncio.Queue[int | None] = asyncio.Queue()

        def faulty(offset: int | None, error: Exception | None) -> None:
            raise ZeroDivisionError

        for _ in range(3):
            made.send(topic, b"x", faulty)
            made.send(topic, b"x", lambda offset, error: heard.put_nowait(offset))
        assert [await asyncio.wait_for(heard.get(), 60) for _ in range(3)] == [1, 3, 5]


async def test_what_is_unsent_at_the_end_is_counted_and_refused(stack: Stack) -> None:
    needs = load(Needs, stack.environment())
    made = Publisher(
        needs.kafka,
        Codec.from_file(needs.schemas.ids),
        message_timeout_seconds=0,
        on_fatal=pytest.fail,
    )
    await made.start()
    await made.publish(QUERIES, EVENT, key="ann")
    stack.pause("kafka")
    try:
        await asyncio.sleep(0.3)  # until the last of its threads has stopped
        unsent = [made.publish(QUERIES, EVENT, key="ann") for _ in range(3)]
        assert await made.stop(timeout_seconds=0.5) == 3
        for future in unsent:
            with pytest.raises(Unavailable):
                await future
        with pytest.raises(Unavailable):
            await made.publish(QUERIES, EVENT, key="ann")
    finally:
        stack.resume("kafka")


async def test_the_queue_is_bounded(stack: Stack) -> None:
    async with publisher(stack, message_timeout_seconds=60) as (made, topic):
        await made.publish_bytes(topic, b"before")
        stack.pause("kafka")
        try:
            full: list[Exception] = []

            def refused(offset: int | None, error: Exception | None) -> None:
                if error is not None and "full" in str(error):
                    full.append(error)

            for _ in range(2_000):
                made.send(topic, bytes(100_000), refused)
            assert len(full) > 500
            assert isinstance(full[0], Unavailable)
        finally:
            stack.resume("kafka")
