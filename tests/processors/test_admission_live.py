"""Admission on real Kafka: poison, restart, and two writers of one partition at once."""

import time
import uuid
from functools import cache

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from msgspec import structs

from events.conversations import SubmissionRejected, SubmissionRepeated, WriterClaimed
from events.ids import direct_conversation
from events.messages import MessageSent, MessageSubmitted
from events.receipts import DeliveredMarkerMoved, Marker, MarkersSubmitted
from events.topics import CONVERSATIONS, RECEIPTS, SUBMISSIONS, partition_of
from infra.producer import Publisher
from infra.stack.stack import Stack
from tests.examples import ANN, NOON, message_id, submitted
from tests.live import codec_of, decisions, kafka_of, records, until
from tests.processors.conftest import WORKER


@pytest.fixture
def conversation() -> str:
    """A conversation of Ann's that no other test uses."""
    return direct_conversation(ANN, f"bob-{uuid.uuid4().hex[:8]}")


@cache
def _began_at(conversation: str) -> int:
    """When a conversation was first spoken of: an id is as old as its message says."""
    return time.time_ns() // 1_000_000


def message(conversation: str, number: int, **changes: object) -> MessageSubmitted:
    changes |= {"client_message_id": message_id(number, _began_at(conversation))}
    return submitted(number, conversation_id=conversation, **changes)


async def test_each_submission_gets_one_decision_in_order(
    admission: Stack, publisher: Publisher, conversation: str
) -> None:
    partition = partition_of(conversation)
    for number in (1, 2, 1):
        await publisher.publish(SUBMISSIONS, message(conversation, number), key=conversation)
    stranger = message(conversation, 3, sender_id="eve")
    await publisher.publish(SUBMISSIONS, stranger, key=conversation)

    await until(lambda: len(decisions(admission, partition, conversation)) == 4)

    kinds = [type(one) for one in decisions(admission, partition, conversation)]
    assert kinds == [MessageSent, MessageSent, SubmissionRepeated, SubmissionRejected]


async def test_markers_become_moves_once(
    admission: Stack, publisher: Publisher, conversation: str
) -> None:
    partition = partition_of(conversation)
    bob = conversation.rpartition(":")[2]
    marker = Marker(
        conversation_id=conversation, user_id=bob, device_id="phone", kind="delivered", seq=9
    )
    await publisher.publish(SUBMISSIONS, message(conversation, 1), key=conversation)
    for _ in range(2):
        markers = MarkersSubmitted(markers=(marker, marker))
        await publisher.publish(SUBMISSIONS, markers, partition=partition)
    await publisher.publish(SUBMISSIONS, message(conversation, 2), key=conversation)

    await until(lambda: len(decisions(admission, partition, conversation)) == 2)

    decode = codec_of(admission).decode
    moves = [decode(record.value()) for record in records(admission, RECEIPTS.name, partition)]
    mine = [move for move in moves if move.conversation_id == conversation]  # type: ignore[attr-defined]
    assert [type(move) for move in mine] == [DeliveredMarkerMoved]
    assert mine[0].seq == 1  # type: ignore[attr-defined]


async def test_a_partition_goes_on_whose_decided_submissions_are_deleted(
    admission: Stack, publisher: Publisher, conversation: str
) -> None:
    """It was quiet for longer than submissions are kept; watermarks came after its last message."""
    partition = partition_of(conversation)
    await publisher.publish(SUBMISSIONS, message(conversation, 1), key=conversation)
    marker = Marker(
        conversation_id=conversation, user_id=ANN, device_id="phone", kind="delivered", seq=1
    )
    for _ in range(2):
        markers = MarkersSubmitted(markers=(marker,))
        last = await publisher.publish(SUBMISSIONS, markers, partition=partition)
    await until(lambda: decisions(admission, partition, conversation))
    admission.stop_part(WORKER)
    place = TopicPartition(SUBMISSIONS.name, partition, last + 1)
    admin = AdminClient(kafka_of(admission).connection())
    (deleted,) = admin.delete_records([place]).values()
    assert deleted.result(60).low_watermark == last + 1
    admission.start_part(WORKER)

    await publisher.publish(SUBMISSIONS, message(conversation, 2), key=conversation)

    await until(lambda: len(decisions(admission, partition, conversation)) == 2)


async def test_poison_is_set_aside_with_its_bytes_and_its_partition_goes_on(
    admission: Stack, publisher: Publisher, conversation: str
) -> None:
    partition = partition_of(conversation)
    codec = codec_of(admission)
    good = codec.encode(message(conversation, 1))
    misplaced = codec.encode(message(conversation, 2))
    wrong_topic = codec.encode(WriterClaimed(writer_id="nobody"))
    poison = {
        b"random bytes": "malformed",
        b"\x00\x00\xff\xff\xff" + good[5:]: "unknown_schema",
        good[:-1]: "malformed",
        wrong_topic: "wrong_topic",
    }
    offsets = {}
    for value in poison:
        offset = await publisher.publish_bytes(
            SUBMISSIONS.name, value, key=b"k", partition=partition
        )
        offsets[partition, offset] = value
    elsewhere = (partition + 1) % SUBMISSIONS.partitions
    offset = await publisher.publish_bytes(SUBMISSIONS.name, misplaced, partition=elsewhere)
    offsets[elsewhere, offset] = misplaced
    await publisher.publish_bytes(SUBMISSIONS.name, None, key=b"k", partition=partition)
    await publisher.publish(SUBMISSIONS, message(conversation, 3), key=conversation)

    await until(lambda: decisions(admission, partition, conversation), what="the good message")

    def letters() -> dict[tuple[int, int], tuple[bytes | None, dict[str, bytes]]]:
        found = {}
        for record in records(admission, "admission.dead", 0):
            headers = dict(record.headers() or [])
            assert headers["chat-topic"] == SUBMISSIONS.name.encode()
            place = (int(headers["chat-partition"]), int(headers["chat-offset"]))
            found[place] = (record.value(), headers)
        return found

    await until(lambda: offsets.keys() <= letters().keys(), what="every dead letter")
    for place, value in offsets.items():
        body, headers = letters()[place]
        assert body == value
        expected = "wrong_partition" if value == misplaced else poison[value]
        assert headers["chat-code"].decode() == expected
        assert headers["chat-detail"]
    assert "no_value" in {headers["chat-code"].decode() for _, headers in letters().values()}


async def test_a_killed_writer_is_followed_exactly_where_it_stopped(
    admission: Stack, publisher: Publisher, conversation: str
) -> None:
    partition = partition_of(conversation)
    total = 300
    for number in range(1, total + 1):
        publisher.publish(SUBMISSIONS, message(conversation, number), key=conversation)
        if number == total // 2:
            await until(lambda: decisions(admission, partition, conversation))
            admission.kill(WORKER)
    await publisher.publish(SUBMISSIONS, message(conversation, total), key=conversation)
    admission.start_part(WORKER)

    def decided() -> list[object] | None:
        found = decisions(admission, partition, conversation)
        return found if len(found) > total else None

    seen = await until(decided)
    assert [type(one) for one in seen] == [MessageSent] * total + [SubmissionRepeated]
    assert [one.seq for one in seen] == [*range(1, total + 1), total]
    offsets = [one.submission_offset for one in seen]
    assert offsets == sorted(set(offsets))


async def test_a_watermark_in_front_of_a_decided_message_is_taken_again(
    admission: Stack, publisher: Publisher, conversation: str
) -> None:
    """The owner died when Kafka had the next message's decision, and not yet the move."""
    partition = partition_of(conversation)
    await publisher.publish(SUBMISSIONS, message(conversation, 1), key=conversation)
    await until(lambda: decisions(admission, partition, conversation))
    admission.stop_part(WORKER)
    marker = Marker(
        conversation_id=conversation, user_id=ANN, device_id="phone", kind="delivered", seq=1
    )
    await publisher.publish(SUBMISSIONS, MarkersSubmitted(markers=(marker,)), partition=partition)
    second = message(conversation, 2)
    offset = await publisher.publish(SUBMISSIONS, second, key=conversation)
    (first,) = decisions(admission, partition, conversation)
    assert isinstance(first, MessageSent)
    fact = structs.replace(
        first,
        seq=2,
        message_number=2,
        client_message_id=second.client_message_id,
        submission_offset=offset,
    )
    await publisher.publish(CONVERSATIONS, fact, key=conversation)
    admission.start_part(WORKER)

    def moved() -> bool:
        decode = codec_of(admission).decode
        moves = [decode(one.value()) for one in records(admission, RECEIPTS.name, partition)]
        return conversation in [move.conversation_id for move in moves]  # type: ignore[attr-defined]

    await until(moved, what="the move of the watermark")
    assert [one.seq for one in decisions(admission, partition, conversation)] == [1, 2]


async def test_an_old_writer_with_other_rules_is_seen_by_nobody(
    admission: Stack, publisher: Publisher, conversation: str
) -> None:
    """The old owner claimed first, and goes on writing after the new one has claimed."""
    partition = partition_of(conversation)
    admission.stop_part(WORKER)
    old_epoch = await publisher.publish(
        CONVERSATIONS, WriterClaimed(writer_id="old release"), partition=partition
    )
    admission.start_part(WORKER)

    async def old_owner_decides(number: int, submission_offset: int) -> None:
        common = {
            "conversation_id": conversation,
            "sender_id": ANN,
            "device_id": "phone",
            "client_message_id": message_id(number),
            "epoch": old_epoch,
            "submission_offset": submission_offset,
        }
        refused = SubmissionRejected(code="old", detail="Old rules.", rejected_at=NOON, **common)  # type: ignore[arg-type]
        sent = MessageSent(
            seq=77,
            message_number=77,
            kind="text",
            body="from the grave",
            sent_at=NOON,
            **common,  # type: ignore[arg-type]
        )
        for fact in (refused, sent):
            await publisher.publish(CONVERSATIONS, fact, partition=partition)

    for number in range(1, 21):
        offset = await publisher.publish(
            SUBMISSIONS, message(conversation, number), key=conversation
        )
        if number > 1:
            await old_owner_decides(number, offset)
        else:
            await until(lambda: decisions(admission, partition, conversation))
    admission.kill(WORKER)
    await publisher.publish(SUBMISSIONS, message(conversation, 21), key=conversation)
    admission.start_part(WORKER)
    await old_owner_decides(21, 10**9)

    def all_decided() -> list[object] | None:
        found = decisions(admission, partition, conversation)
        return found if len(found) >= 21 else None

    seen = await until(all_decided)
    assert [(type(one), one.seq) for one in seen] == [(MessageSent, n) for n in range(1, 22)]
    assert {one.body for one in seen} == {f"message {n}" for n in range(1, 22)}
