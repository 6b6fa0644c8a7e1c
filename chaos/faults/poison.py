"""Records that nobody should have written: each is set aside, and its partition goes on."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

from confluent_kafka import Message, Producer

from chaos.evidence_form import Letter
from chaos.faults.base import fault
from chaos.lab import Lab
from events.codec import Codec
from events.conversations import WriterClaimed
from events.topics import TOPICS, Topic
from infra.errors import UserError
from infra.ids_file import codec_at_start
from infra.lag import TOPICS_READ

_KAFKA_SECONDS = 20.0
_UNKNOWN_SCHEMA = 0x7FFFFFFF


@fault("F16", hold_seconds=2.0, bar_seconds=4.0, always=True)
async def poison(lab: Lab) -> AsyncIterator[None]:
    """Nonsense of many kinds is written into every topic that workers read as a group."""
    codec = codec_at_start(Path(lab.stack.environment()["CHAT_SCHEMA_IDS"]))
    letters = await asyncio.to_thread(_write, lab, codec)
    lab.planted.extend(letters)
    lab.say(f"poison: {len(letters)} dead letters are due")
    yield


def _write(lab: Lab, codec: Codec) -> list[Letter]:
    readers: dict[str, list[str]] = {}
    for group, read in TOPICS_READ.items():
        for topic in read:
            readers.setdefault(topic.name, []).append(group)
    written: list[Letter] = []
    failed: list[str] = []

    def confirmed(topic: Topic, value: bytes | None) -> Callable[[object, Message], None]:
        def report(error: object, record: Message) -> None:
            if error is not None:
                failed.append(str(error))
                return
            partition, offset = record.partition() or 0, record.offset() or 0
            digest = digest_of(value)
            for group in readers[topic.name]:
                written.append(Letter(group, topic.name, partition, offset, digest))

        return report

    producer = Producer(
        {
            **lab.known.kafka.connection(),
            "enable.idempotence": True,
            "log_level": 0,
        }
    )
    for topic in [topic for topic in TOPICS if topic.name in readers]:
        for value in _nonsense(lab.random, codec, topic):
            partition = lab.random.randrange(topic.partitions)
            producer.produce(
                topic.name,
                key=b"nobody",  # without one a compacted topic takes nothing
                value=value,
                partition=partition,
                on_delivery=confirmed(topic, value),
            )
    if producer.flush(_KAFKA_SECONDS) or failed:
        raise UserError(
            "poison_not_written",
            f"Kafka did not take the poison: {failed[:1]}.",
            "Look at the log of Kafka.",
        )
    return written


def digest_of(value: bytes | None) -> str:
    """What tells bytes apart; of no bytes too."""
    return "none" if value is None else hashlib.blake2b(value, digest_size=8).hexdigest()


def _nonsense(random: Random, codec: Codec, topic: Topic) -> list[bytes | None]:
    """Random bytes, no bytes, another format, an unknown schema, half an event, a foreign event."""
    claim = codec.encode(WriterClaimed(writer_id="somebody else"))
    found: list[bytes | None] = [
        random.randbytes(random.randrange(1, 200)),
        None,
        b"",
        b"\x01" + random.randbytes(20),
        b"\x00" + struct.pack(">I", _UNKNOWN_SCHEMA) + b"x",
        claim[: len(claim) // 2],
        claim[:5] + b"\xff" * 40,
    ]
    if WriterClaimed not in topic.events:
        found.append(claim)
    return found
