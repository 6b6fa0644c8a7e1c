"""Looking at the log from the command line: which topics, from when on, and records made readable.

`Tail` follows many partitions at once and gives records in the order of their times, as far as
they arrive within a moment of each other. `readable` makes a record a value for people and JSON.
"""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from confluent_kafka import (
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from msgspec import Struct

from cli.story import sentence
from events.codec import BeyondRelease, Codec, DecodeError, UnknownSchema
from events.text import on_one_line
from infra.errors import UserError
from infra.exits import Exit
from infra.settings import KafkaSettings, SchemaSettings, load

KAFKA_SECONDS = 5.0
REORDER_SECONDS = 0.25
_RECORDS_AT_ONCE = 500
_HELD_MAX = 20_000
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Where the log is and how its records are read."""

    kafka: KafkaSettings
    schemas: SchemaSettings


@dataclass(frozen=True, slots=True)
class Readable:
    """A record and what it says. `event` is None when its bytes are no event."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: str | None
    event: Struct | None
    said: str

    def as_json(self) -> dict[str, Any]:
        """The record for programs."""
        value = (
            None
            if self.event is None
            else _as_text(msgspec.to_builtins(self.event, builtin_types=(bytes,)))
        )
        return {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "timestamp": self.timestamp,
            "key": self.key,
            "event": None if self.event is None else type(self.event).__name__,
            "said": self.said,
            "value": value,
        }


def _as_text(value: Any) -> Any:
    """The value with bytes as the text that they are in our events: frames, in JSON."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, dict):
        return {name: _as_text(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_text(part) for part in value]
    return value


def settings() -> LogSettings:
    """The settings of the commands that look at the log."""
    return load(LogSettings)


def readable(record: Message, codec: Codec) -> Readable:
    """The record with its event, or with what is wrong with its bytes."""
    event: Struct | None = None
    try:
        event = codec.decode(record.value())
        said = on_one_line(sentence(event))
    except DecodeError as error:
        said = on_one_line(f"cannot be read: {error}")
    except UnknownSchema as unknown:
        said = f"cannot be read: {unknown} is not in the ids file (`chatlog schemas apply`)"
    except BeyondRelease as found:
        said = on_one_line(f"cannot be read by this release: {found}")
    key = record.key()
    return Readable(
        topic=record.topic() or "",
        partition=record.partition() or 0,
        offset=record.offset() or 0,
        timestamp=record.timestamp()[1],
        key=None if key is None else bytes(key).decode(errors="replace"),
        event=event,
        said=said,
    )


def instant_of(text: str, now_ms: int) -> int | None:
    """The milliseconds that `start`, `10m` (ago) or an ISO 8601 instant mean; None for `now`."""
    if text == "now":
        return None
    if text == "start":
        return 0
    if ago := re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?)([smhd])", text, re.ASCII):
        ago_ms = min(float(ago[1]) * _UNITS[ago[2]] * 1000, now_ms)
        return now_ms - int(ago_ms)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(
            "bad_instant",
            f"{text!r} is no place to begin.",
            "Use now, start, 90s, 10m, 2h, 1d, or an instant such as 2025-11-21T12:00:00Z.",
            exit_status=Exit.USAGE,
        ) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return max(0, int(instant.timestamp() * 1000))


def unreachable(kafka: KafkaSettings, error: object) -> UserError:
    """Kafka does not answer."""
    return UserError(
        "kafka_unreachable",
        f"Kafka at {kafka.bootstrap} does not answer ({error}).",
        "Run `chatlog status`; if it does not run: `chatlog up`.",
    )


def consumer(kafka: KafkaSettings, **more: Any) -> Consumer:
    """A reader that belongs to no group."""
    return Consumer(
        {
            **kafka.connection(),
            "group.id": "none",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
            "fetch.queue.backoff.ms": 5,
            "queued.max.messages.kbytes": 65_536,
            "log_level": 0,
            **more,
        }
    )


def topics_of(reader: Consumer, kafka: KafkaSettings) -> dict[str, list[int]]:
    """Every topic of the cluster with its partitions. Raises UserError."""
    try:
        found = reader.list_topics(timeout=KAFKA_SECONDS).topics
    except KafkaException as error:
        raise unreachable(kafka, error.args[0].str()) from error
    return {name: sorted(topic.partitions) for name, topic in found.items()}


class Tail:
    """Follows topics from an instant on."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._consumer = consumer(kafka, **{"enable.partition.eof": True})
        self._behind: set[tuple[str, int]] = set()
        self._held: list[tuple[int, int, Message]] = []
        self._count = 0

    def __enter__(self) -> Tail:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def topics(self) -> dict[str, list[int]]:
        """Every topic of the cluster with its partitions."""
        return topics_of(self._consumer, self._kafka)

    def start(self, places: Iterable[tuple[str, int]], instant_ms: int | None) -> None:
        """Begin at the records of this instant; None: at what comes from now on."""
        begin = [TopicPartition(*place, OFFSET_END) for place in places]
        if instant_ms is not None:
            wanted = [TopicPartition(p.topic, p.partition, instant_ms) for p in begin]
            try:
                begin = self._consumer.offsets_for_times(wanted, timeout=KAFKA_SECONDS)
            except KafkaException as error:
                raise unreachable(self._kafka, error.args[0].str()) from error
        self._behind = {(place.topic, place.partition) for place in begin}
        self._consumer.assign(begin)

    def records(self, *, follow: bool) -> Iterator[Message]:
        """Records by time. Without `follow` it ends where the log ends.

        What is past is told once every partition was read to its end, however long that takes; what
        comes then, a moment later.
        """
        while True:
            for record in self._consumer.consume(_RECORDS_AT_ONCE, 0.1):
                error = record.error()
                if error is None:
                    self._count += 1
                    heapq.heappush(self._held, (record.timestamp()[1], self._count, record))
                elif error.code() == KafkaError._PARTITION_EOF:
                    self._behind.discard((record.topic() or "", record.partition() or 0))
            until_ms = 0 if self._behind else int((time.time() - REORDER_SECONDS) * 1000)
            ends = not follow and not self._behind
            while self._held and (
                ends or self._held[0][0] <= until_ms or len(self._held) > _HELD_MAX
            ):
                yield heapq.heappop(self._held)[2]
            if ends:
                return


def places_in(topics: dict[str, list[int]], names: Sequence[str]) -> list[tuple[str, int]]:
    """Every partition of these topics."""
    return [(name, partition) for name in names for partition in topics[name]]
