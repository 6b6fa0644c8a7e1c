"""Many watermarks at once: whoever told them hears when Kafka has all of them."""

import asyncio
from collections.abc import Callable
from typing import Any

from edge.backlog import Backlog
from edge.publisher import EdgePublisher
from events.receipts import Marker
from events.topics import SUBMISSIONS
from infra.telemetry import Telemetry
from tests.examples import codec

Told = Callable[[int | None, Exception | None], None]


class Kafka:
    """Takes records and confirms them, or not, when the test says so."""

    def __init__(self) -> None:
        self.sent: list[Told] = []

    def send(
        self, topic: str, value: bytes, told: Told, key: bytes | None = None, partition: int = -1
    ) -> None:
        self.sent.append(told)


def marks(count: int) -> list[Marker]:
    return [
        Marker(conversation_id=f"d:ann:b{n}", user_id="ann", device_id="phone", kind="read", seq=1)
        for n in range(count)
    ]


def voice(kafka: Any) -> EdgePublisher:
    backlog = Backlog(10, SUBMISSIONS.partitions)
    loop = asyncio.get_running_loop()
    return EdgePublisher(kafka, codec(), Telemetry("edge"), loop, backlog)


async def test_it_is_told_once_when_every_partition_has_its_part() -> None:
    kafka, outcomes = Kafka(), list[bool]()
    publisher = voice(kafka)
    publisher.mark_all(marks(20), outcomes.append)
    publisher.flush_markers()
    assert len(kafka.sent) == SUBMISSIONS.partitions
    for told in kafka.sent[:-1]:
        told(1, None)
    assert outcomes == []
    kafka.sent[-1](1, None)
    assert outcomes == [True]
    publisher.flush_markers()
    assert outcomes == [True]


async def test_one_part_that_fails_is_told_and_submitted_again() -> None:
    kafka, outcomes = Kafka(), list[bool]()
    publisher = voice(kafka)
    publisher.mark_all(marks(20), outcomes.append)
    publisher.mark_all(marks(1), outcomes.append)
    publisher.flush_markers()
    kafka.sent[0](None, ConnectionError())
    for told in kafka.sent[1:]:
        told(1, None)
    assert outcomes == [False, False]


async def test_what_comes_while_others_are_on_their_way_waits_for_its_own() -> None:
    kafka, first, second = Kafka(), list[bool](), list[bool]()
    publisher = voice(kafka)
    publisher.mark_all(marks(1), first.append)
    publisher.flush_markers()
    publisher.mark_all(marks(1), second.append)
    kafka.sent[0](1, None)
    assert (first, second) == ([True], [])
    publisher.flush_markers()
    kafka.sent[1](1, None)
    assert second == [True]
