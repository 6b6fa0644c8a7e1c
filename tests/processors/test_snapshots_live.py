"""Snapshots on real Kafka: restoring from one gives the state of folding the whole log."""

import asyncio
import time

from events.fence import Fence
from events.receipts import Marker, MarkersSubmitted
from events.snapshots import SnapshotCompleted
from events.topics import CONVERSATIONS, RECEIPTS, SNAPSHOTS, SUBMISSIONS, partition_of
from infra.log_reader import LogReader
from infra.producer import Publisher
from infra.stack.stack import Stack
from processors.admission.restore import restore
from processors.admission.state import evolve, initial
from processors.snapshots.plan import FACTS_BETWEEN, parts
from tests.examples import message_id, submitted
from tests.live import codec_of, kafka_of, records, until

CONVERSATION = "d:ann:snapshots"
PARTITION = partition_of(CONVERSATION)


async def test_a_restored_state_is_that_of_the_whole_log(
    admission: Stack, publisher: Publisher
) -> None:
    decode = codec_of(admission).decode
    marker = Marker(
        conversation_id=CONVERSATION,
        user_id="snapshots",
        device_id="phone",
        kind="read",
        seq=FACTS_BETWEEN // 2,
    )
    for start in (1, FACTS_BETWEEN // 2):
        await asyncio.gather(
            *(
                publisher.publish(
                    SUBMISSIONS,
                    submitted(
                        number,
                        conversation_id=CONVERSATION,
                        client_message_id=message_id(number, time.time_ns() // 1_000_000),
                    ),
                    key=CONVERSATION,
                )
                for number in range(start, start + FACTS_BETWEEN // 2 + 100)
            )
        )
        markers = MarkersSubmitted(markers=(marker,))
        await publisher.publish(SUBMISSIONS, markers, partition=PARTITION)

    def completed() -> list[SnapshotCompleted]:
        found = (decode(one.value()) for one in records(admission, SNAPSHOTS.name, PARTITION))
        return [event for event in found if isinstance(event, SnapshotCompleted)]

    await until(completed, what="a snapshot")
    await until(lambda: records(admission, RECEIPTS.name, PARTITION), what="the move")

    facts = records(admission, CONVERSATIONS.name, PARTITION)
    end = len(facts)
    whole, fence = initial(), Fence()
    for offset, record in enumerate(facts):
        if fence.admits(event := decode(record.value()), offset):
            evolve(whole, event)
    for record in records(admission, RECEIPTS.name, PARTITION):
        evolve(whole, decode(record.value()))

    kafka = kafka_of(admission)
    with LogReader(kafka) as reader:
        restored = restore(reader, codec_of(admission), lambda _: False, {PARTITION: end})[
            PARTITION
        ]

    assert completed()[-1].fact_offset > FACTS_BETWEEN
    whole.fact_offset, whole.receipt_offset = restored.fact_offset, restored.receipt_offset
    assert list(parts(restored)) == list(parts(whole))
    assert restored.submission_offset == whole.submission_offset
    assert restored.newest_at == whole.newest_at
    assert restored.epoch == fence.epoch
