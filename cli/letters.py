"""Dead letters: what is in one, reading them, and publishing them again.

A letter is the original key and bytes, with where it came from and why it was set aside in headers
(`processors.dead_letters` writes them). It is known by its group and its offset.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from cli.log import KAFKA_SECONDS, consumer, topics_of, unreachable
from events.topics import CONVERSATIONS, DEAD_LETTERS, GROUPS, RECEIPTS, SNAPSHOTS
from infra.errors import UserError
from infra.exits import Exit
from infra.log_reader import LogReader
from infra.settings import KafkaSettings

WRITTEN_BY_ONE = frozenset({CONVERSATIONS.name, RECEIPTS.name, SNAPSHOTS.name})
"""Topics that say what was decided: nothing may be said there twice."""

REPLAYED_FROM = "chat-replayed-from"
"""The header that says of a record that it was set aside once, and where."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter: where it lies, where it came from, and why."""

    group: str
    offset: int
    set_aside_at: int
    code: str
    detail: str
    topic: str
    partition: int
    source_offset: int
    source_timestamp: int
    key: bytes | None
    value: bytes | None
    cut: bool = False

    def as_json(self) -> dict[str, Any]:
        """The letter for programs; its bytes in hexadecimal."""
        fields = asdict(self)
        for name in ("key", "value"):
            fields[name] = None if fields[name] is None else fields[name].hex()
        return fields


def letter_of(group: str, record: Message) -> Letter:
    """The dead letter in a record. Headers that are missing are told as unknown."""
    headers = dict(record.headers() or ())

    def text(name: str) -> str:
        found = _bytes(headers.get(f"chat-{name}"))
        return (found or b"").decode(errors="replace")

    def number(name: str) -> int:
        return int(text(name)) if text(name).lstrip("-").isdigit() else -1

    return Letter(
        group=group,
        offset=record.offset() or 0,
        set_aside_at=record.timestamp()[1],
        code=text("code") or "unknown",
        detail=text("detail"),
        topic=text("topic"),
        partition=number("partition"),
        source_offset=number("offset"),
        source_timestamp=number("timestamp"),
        key=_bytes(record.key()),
        value=_bytes(record.value()),
        cut=bool(text("cut")),
    )


def publish_again(kafka: KafkaSettings, letters: list[Letter]) -> list[dict[str, str | None]]:
    """Publish the original bytes of each letter; what became of each, confirmed."""
    producer = Producer(
        {
            **kafka.connection(),
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
            "message.timeout.ms": int(KAFKA_SECONDS * 1000),
            "allow.auto.create.topics": False,
            "log_level": 0,
        }
    )
    reader = consumer(kafka)
    try:
        places = topics_of(reader, kafka)
    finally:
        reader.close()
    outcomes: list[dict[str, str | None]] = []
    for letter in letters:
        origin = f"{letter.group}.dead@{letter.offset}"
        outcome: dict[str, str | None] = {"from": origin, "to": None, "error": "no confirmation"}
        outcomes.append(outcome)
        if not letter.topic or letter.partition < 0:
            outcome["error"] = "its headers do not say where it came from"
            continue
        if letter.cut:
            outcome["error"] = (
                "it was too long to be set aside whole; it may still be at its origin"
            )
            continue
        if letter.topic in WRITTEN_BY_ONE:
            outcome["error"] = (
                f"only its writer adds to {letter.topic}; every reader would take it as new"
            )
            continue
        if letter.partition not in places.get(letter.topic, ()):
            outcome["error"] = f"{letter.topic}, partition {letter.partition}, is no more"
            continue

        def confirmed(
            error: KafkaError | None, record: Message, outcome: dict[str, str | None] = outcome
        ) -> None:
            outcome["error"] = None if error is None else error.str()
            if error is None:
                outcome["to"] = f"{record.topic()}/{record.partition()}@{record.offset()}"

        producer.produce(
            letter.topic,
            value=letter.value,
            key=letter.key,
            partition=letter.partition,
            headers=[(REPLAYED_FROM, origin.encode())],
            on_delivery=confirmed,
        )
    producer.flush(KAFKA_SECONDS * 2)
    return outcomes


def letters_of(kafka: KafkaSettings, groups: list[str]) -> Iterator[Letter]:
    for group in groups:
        topic = topic_of(group)
        for record in _read(kafka, topic, 0, None):
            yield letter_of(group, record)


def record_at(kafka: KafkaSettings, group: str, offset: int) -> Message:
    for record in _read(kafka, topic_of(group), offset, offset + 1):
        return record
    raise UserError(
        "no_letter",
        f"{group}.dead holds nothing at offset {offset}.",
        f"See `chatlog dead list {group}`.",
    )


def _read(kafka: KafkaSettings, topic: str, start: int, end: int | None) -> list[Message]:
    _check_there_is(kafka, topic)
    try:
        with LogReader(kafka) as reader:
            place = (topic, 0)
            first, behind_last = reader.ends([place])[place]
            start = max(first, start)
            end = behind_last if end is None else min(end, behind_last)
            return list(reader.read({place: (start, end)}))
    except (KafkaException, TimeoutError) as error:
        raise unreachable(kafka, error) from error


def _check_there_is(kafka: KafkaSettings, topic: str) -> None:
    reader = consumer(kafka)
    try:
        if topic not in topics_of(reader, kafka):
            raise UserError(
                "no_topic", f"There is no topic {topic}.", "Run `chatlog topics apply`."
            )
    finally:
        reader.close()


def topic_of(group: str) -> str:
    """Where the dead letters of a group lie. Raises UserError."""
    topic = f"{group}.dead"
    if topic not in {known.name for known in DEAD_LETTERS}:
        raise UserError(
            "no_group",
            f"There is no group {group!r}.",
            f"Groups: {', '.join(GROUPS)}.",
            exit_status=Exit.USAGE,
        )
    return topic


def _bytes(content: str | bytes | None) -> bytes | None:
    return content.encode() if isinstance(content, str) else content
