"""Reading the log of a running stack in tests, and waiting for what must come."""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Message
from msgspec import Struct

from events.codec import Codec, DecodeError, UnknownSchema
from events.fence import Fence
from events.topics import CONVERSATIONS
from infra.access import OPERATOR
from infra.log_reader import LogReader
from infra.settings import ClientSettings, KafkaSettings, RedisSettings, load
from infra.stack.stack import Stack
from infra.tls import client_context

WAIT_SECONDS = 90.0


@dataclass(frozen=True)
class _Settings:
    kafka: KafkaSettings
    redis: RedisSettings
    gateways: ClientSettings


def kafka_of(stack: Stack, principal: str = OPERATOR) -> KafkaSettings:
    """How the stack's operator, or somebody else, reaches its Kafka."""
    return load(_Settings, stack.environment(principal)).kafka


def tls_of(stack: Stack) -> ssl.SSLContext | bool:
    """Whom clients of the stack's gateways trust."""
    ca_file = load(_Settings, stack.environment()).gateways.ca_file
    return True if ca_file is None else client_context(ca_file)


def redis_of(stack: Stack, principal: str = OPERATOR) -> RedisSettings:
    """How the stack's operator, or somebody else, reaches its Redis."""
    return load(_Settings, stack.environment(principal)).redis


def codec_of(stack: Stack) -> Codec:
    """The codec of the stack's registry."""
    return Codec.from_file(Path(stack.environment()["CHAT_SCHEMA_IDS"]))


def records(stack: Stack, topic: str, partition: int, start: int = 0) -> list[Message]:
    """Every record of a partition from an offset on."""
    with LogReader(kafka_of(stack)) as reader:
        place = (topic, partition)
        low, high = reader.ends([place])[place]
        return list(reader.read({place: (max(low, start), high)}))


def understood(codec: Codec, record: Message) -> Any:
    """The event, or nothing: another test may have put nonsense into the same partition."""
    try:
        return codec.decode(record.value())
    except (DecodeError, UnknownSchema):
        return None


def decisions(stack: Stack, partition: int, conversation_id: str | None = None) -> list[Struct]:
    """What a reader of the fact log sees, from the start; of one conversation if it is named."""
    codec, fence = codec_of(stack), Fence()
    seen = []
    for record in records(stack, CONVERSATIONS.name, partition):
        event = understood(codec, record)
        offset = record.offset()
        assert offset is not None
        if event is None:
            continue
        if fence.admits(event, offset) and conversation_id in (
            None,
            getattr(event, "conversation_id", ""),
        ):
            seen.append(event)
    return seen


async def until(
    holds: Callable[[], object], *, seconds: float = WAIT_SECONDS, what: str = "it"
) -> object:
    """Wait until a function gives something true, and give that."""
    deadline = time.monotonic() + seconds
    while True:
        found = await asyncio.to_thread(holds)
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen in {seconds} s")
        await asyncio.sleep(0.1)
