"""Writes a long log straight to Kafka: submissions, and the decisions about them.

In: how many messages over how many conversations, and in how many of these people talk at a time.
Out: `chat.submissions` and `chat.conversations` as an admission worker would have left them: one
claim a partition, then a fact for each submission, decided by the real decider, in order, with
offsets that are true. Only the receipts are missing. It is the one way to a log of a million facts
in a minute.
"""

import secrets
import time
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
from confluent_kafka import Producer
from msgspec import Struct

from events.codec import Codec
from events.conversations import WriterClaimed
from events.ids import direct_conversation, timed_id
from events.messages import MessageSubmitted
from events.topics import CONVERSATIONS, PARTITIONS, SUBMISSIONS, Topic, partition_of
from infra.errors import UserError
from infra.log_reader import LogReader
from infra.settings import KafkaSettings
from processors.admission.decider import decide
from processors.admission.place import Place
from processors.admission.state import PartitionState, evolve, initial

_BODY = "On my way, see you at eight."
_QUEUED_MAX = 100_000
_POLL_SECONDS = 0.1
_FLUSH_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long a log, over how many conversations, and how fast the messages came.

    So many conversations are talked in at a time, all of them alike, then the next so many.
    """

    messages: int = 1_000_000
    conversations: int = 50_000
    at_a_time: int = 50_000
    per_second: float = 2_500.0
    seed: int = 1


def write(kafka: KafkaSettings, codec: Codec, plan: Plan) -> None:
    """Write the log to empty topics. Raises UserError when they are not, or Kafka fails."""
    writer = _Writer(kafka, codec)
    states: dict[int, PartitionState] = {}
    offsets: dict[int, int] = {}
    for partition in range(PARTITIONS):
        writer.put(CONVERSATIONS, WriterClaimed(writer_id="long-log"), partition)
        states[partition], offsets[partition] = initial(), 0
    draw = Random(plan.seed)
    first_at = int((time.time() - plan.messages / plan.per_second) * 1000)
    for number in range(plan.messages):
        at = first_at + int(number * 1000 / plan.per_second)
        submitted = message(draw, number, plan, at)
        partition = partition_of(submitted.conversation_id)
        place = Place(epoch=0, submission_offset=offsets[partition], at=at)
        offsets[partition] += 1
        fact: Any = decide(states[partition], submitted, place)
        evolve(states[partition], fact)
        key = submitted.conversation_id.encode()
        writer.put(SUBMISSIONS, submitted, partition, key)
        writer.put(CONVERSATIONS, fact, partition, key)
    writer.finish()


def probe(partition: int) -> MessageSubmitted:
    """A new message whose conversation belongs to the partition."""
    number = 0
    while True:
        conversation_id = direct_conversation("prober", f"probed-{number}")
        if partition_of(conversation_id) == partition:
            return MessageSubmitted(
                conversation_id=conversation_id,
                sender_id="prober",
                device_id="bench",
                client_message_id=_new_id(),
                kind="text",
                body="Is anybody there?",
            )
        number += 1


def renewed(submitted: MessageSubmitted) -> MessageSubmitted:
    """The same message under a new id: another message."""
    return msgspec.structs.replace(submitted, client_message_id=_new_id())


def message(draw: Random, number: int, plan: Plan, at: int = 0) -> MessageSubmitted:
    """The message of this number in the log, below `plan.messages`, sent at an instant."""
    at_a_time = min(plan.at_a_time, plan.conversations)
    stretches = -(-plan.conversations // at_a_time)
    first = number * stretches // plan.messages * at_a_time
    which = first + draw.randrange(min(at_a_time, plan.conversations - first))
    one, other = f"user-{which}-a", f"user-{which}-b"
    return MessageSubmitted(
        conversation_id=direct_conversation(one, other),
        sender_id=one if draw.random() < 0.5 else other,
        device_id="phone",
        client_message_id=timed_id(at, draw.getrandbits(74)),
        kind="text",
        body=f"{_BODY} {number}",
    )


def _new_id() -> str:
    return timed_id(time.time_ns() // 1_000_000, secrets.randbits(74))


class _Writer:
    """A producer of whole topics: what it put is all there is, at the offsets it counted on."""

    def __init__(self, kafka: KafkaSettings, codec: Codec) -> None:
        self._kafka = kafka
        self._codec = codec
        self._put: Counter[tuple[str, int]] = Counter()
        self._producer = Producer(
            {
                **kafka.connection(),
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": 20,
                "queue.buffering.max.messages": _QUEUED_MAX,
            },
            logger=None,
        )

    def put(self, topic: Topic, event: Struct, partition: int, key: bytes | None = None) -> None:
        """Put one record; waits while the queue is full."""
        value = self._codec.encode(event)
        self._put[topic.name, partition] += 1
        while True:
            try:
                self._producer.produce(topic.name, value, key, partition)
                return
            except BufferError:
                self._producer.poll(_POLL_SECONDS)

    def finish(self) -> None:
        """Wait until Kafka has all of it, and see that there is nothing else. Raises UserError."""
        unsent = self._producer.flush(_FLUSH_SECONDS)
        with LogReader(self._kafka) as reader:
            found = reader.ends(list(self._put))
        if unsent or any(found[place] != (0, count) for place, count in self._put.items()):
            raise UserError(
                "long_log_failed",
                "The log was not written as planned: the topics were not empty or Kafka failed.",
                "Run the benchmark in a folder of its own; it empties it first.",
            )
