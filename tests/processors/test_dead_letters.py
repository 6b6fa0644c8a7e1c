"""What is set aside can always be set aside: a record may be longer than a producer takes."""

import asyncio
from typing import Any

import pytest
from confluent_kafka import Message

from cli.letters import letter_of
from events.topics import SUBMISSIONS
from infra.producer import Publisher
from infra.settings import KafkaSettings
from processors.dead_letters import BYTES_MAX, DeadLetters
from tests.examples import NOON, codec

BROKER_BYTES_MAX = 1_048_588
"""What topics take; one that is packed well is longer still when it comes out."""


class Remembering(Publisher):
    """A real producer, which checks lengths and never reaches a broker; what it was given."""

    given: list[dict[str, Any]]

    def send(self, topic: str, value: Any, confirmed: Any, *rest: Any) -> None:
        self.given = [*getattr(self, "given", []), {"value": value, "rest": rest}]
        super().send(topic, value, confirmed, *rest)


async def set_aside(key: bytes, value: bytes) -> tuple[Message, BaseException | None]:
    """The letter that is left of a record, and why it could not be published, if so."""
    nowhere = KafkaSettings(bootstrap="127.0.0.1:1")
    publisher = Remembering(nowhere, codec(), message_timeout_seconds=1, on_fatal=pytest.fail)
    await publisher.start()
    record = Message(SUBMISSIONS.name, 2, 7, key, value, timestamp=(2, NOON))
    letter = DeadLetters("admission", publisher).set_aside(record, "malformed", "x" * 5_000)
    await asyncio.sleep(0)
    refused = letter.exception() if letter.done() else None
    letter.cancel()
    await publisher.stop(timeout_seconds=0)
    (given,) = publisher.given
    kept_key, _, headers = given["rest"]
    dead = Message(
        "admission.dead", 0, 1, kept_key, given["value"], headers=headers, timestamp=(2, 1)
    )
    return dead, refused


@pytest.mark.parametrize("length", [0, 10, BYTES_MAX, BROKER_BYTES_MAX - 500, 5_000_000])
async def test_a_record_of_any_length_can_be_set_aside(length: int) -> None:
    value = b"x" * length
    dead, refused = await set_aside(b"key", value)
    assert refused is None
    letter = letter_of("admission", dead)
    assert (letter.topic, letter.partition, letter.source_offset) == (SUBMISSIONS.name, 2, 7)
    assert letter.cut == (length > BYTES_MAX)
    assert letter.value == value[:BYTES_MAX]


async def test_so_can_one_with_a_long_key() -> None:
    dead, refused = await set_aside(b"k" * 1_000_000, b"value")
    assert refused is None
    letter = letter_of("admission", dead)
    assert letter.cut
    assert letter.value == b"value"
