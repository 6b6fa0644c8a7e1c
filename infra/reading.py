"""Records of the log as events, or why not: the rule by which every reader goes on or stops.

- Bytes that never were an event, or one on the wrong topic: `DecodeError`. A reader sets them aside
  or passes them over.
- An event of ours that this release cannot read: `NewerRelease`. A reader stops; whatever it would
  do without that record would be wrong (ADR 0022).
- An id that nobody can say anything about now: `ConnectionError`. A reader waits.
"""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import Message
from msgspec import Struct

from events.codec import BeyondRelease, Codec, DecodeError, UnknownSchema
from events.topics import TOPIC_OF
from infra.errors import UserError
from infra.log_reader import place_of


class NewerRelease(UserError):
    """A newer release wrote this record, and only that one, or a later one, can go on."""

    def __init__(self, record: Message, found: BeyondRelease) -> None:
        topic, partition, offset = place_of(record)
        super().__init__(
            "newer_release",
            f"{topic} {partition} holds {found.event} (schema id {found.schema_id}) at offset "
            f"{offset}, which this release cannot read.",
            "Deploy the release that writes it, or a later one (docs/deploying.md).",
        )


def event_of(codec: Codec, record: Message) -> Struct:
    """The event of a record. Raises DecodeError, UnknownSchema or NewerRelease."""
    try:
        event = codec.decode(record.value())
    except BeyondRelease as found:
        if found.topic != record.topic():
            raise _misplaced(found.event, record) from found
        raise NewerRelease(record, found) from found
    if TOPIC_OF[type(event)].name != record.topic():
        raise _misplaced(type(event).__name__, record)
    return event


class Reading:
    """One pass over records that are in the log already; asks about ids that are unknown.

    It remembers which ids there are not: a record holds no id that is given only later.
    """

    def __init__(self, codec: Codec, look_up: Callable[[int], bool]) -> None:
        self._codec = codec
        self._look_up = look_up
        self._strange: set[int] = set()

    def event(self, record: Message) -> Struct:
        """The event of a record. Raises DecodeError, NewerRelease or ConnectionError."""
        try:
            return event_of(self._codec, record)
        except UnknownSchema as unknown:
            schema_id = unknown.schema_id
        if schema_id not in self._strange and self._look_up(schema_id):
            return event_of(self._codec, record)
        self._strange.add(schema_id)
        raise no_schema(schema_id)


def no_schema(schema_id: int) -> DecodeError:
    """What is wrong with bytes under an id that no event of ours has."""
    return DecodeError("unknown_schema", f"schema id {schema_id}")


def _misplaced(event: str, record: Message) -> DecodeError:
    return DecodeError("wrong_topic", f"{event} on {record.topic()}")
