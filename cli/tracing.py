"""Finds one message in the log: first where it was decided, then everything around that.

Only its client id is known, so the facts are searched, the newest stretch of time first, by its
bytes and without decoding. Once the fact is found, its partition, offset and time bound every other
read to a stretch of one partition.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from confluent_kafka import KafkaException, Message, TopicPartition

from cli.log import (
    KAFKA_SECONDS,
    LogSettings,
    Readable,
    consumer,
    readable,
    topics_of,
    unreachable,
)
from cli.steps import Receipts, Step, delivery_steps, first_of_each, own_step
from events.messages import MessageSent
from events.topics import CONVERSATIONS, DELIVERIES, RECEIPTS, SUBMISSIONS, partition_of
from infra.ids_file import codec_at_start
from infra.log_reader import LogReader, Place

LOOKBACKS_SECONDS = (600.0, 7_200.0, 86_400.0)
"""How far back is searched at first, then, then; at last everything that is allowed."""

RETRIES_SECONDS = 900.0
"""Retries of one message id are understood for ten minutes."""

DELIVERIES_SECONDS = 900.0


@dataclass(slots=True)
class Trace:
    """What is known of one message."""

    message_id: str
    sent: MessageSent | None = None
    steps: list[Step] = field(default_factory=list)


class Tracer:
    """Searches the log of one cluster. Use as a context manager; raises UserError."""

    def __init__(self, known: LogSettings) -> None:
        self._kafka = known.kafka
        self._codec = codec_at_start(known.schemas.ids)
        self._offsets = consumer(self._kafka)
        self._reader = LogReader(self._kafka)

    def __enter__(self) -> Tracer:
        return self

    def __exit__(self, *_: object) -> None:
        self._offsets.close()
        self._reader.__exit__(None, None, None)

    def trace(self, message_id: str, conversation_id: str | None, since_ms: int) -> Trace:
        """Everything that the log says of the message."""
        try:
            topics = topics_of(self._offsets, self._kafka)
            partitions = topics.get(CONVERSATIONS.name, [])
            if conversation_id is not None:
                partitions = [partition_of(conversation_id)]
            found = self._find(message_id, partitions, since_ms)
            trace = Trace(message_id)
            if found is None:
                return trace
            self._around(trace, found)
            if trace.sent is not None:
                self._receipts(trace, trace.sent, found)
                gateways = [name for name in topics if name.startswith(f"{DELIVERIES.name}.")]
                self._deliveries(trace, trace.sent, found, gateways)
        except (KafkaException, TimeoutError) as error:
            raise unreachable(self._kafka, error) from error
        trace.steps.sort(key=lambda step: step.at or 0)
        return trace

    def _find(self, message_id: str, partitions: list[int], since_ms: int) -> Readable | None:
        """The first record that is about the message: its decision, else its submission."""
        places = [
            (topic.name, partition)
            for topic in (CONVERSATIONS, SUBMISSIONS)
            for partition in partitions
        ]
        ends = {place: end for place, (_, end) in self._reader.ends(places).items()}
        now_ms = int(time.time() * 1000)
        for lookback_seconds in (*LOOKBACKS_SECONDS, float("inf")):
            begin_ms = int(max(since_ms, now_ms - min(lookback_seconds * 1000, now_ms)))
            begins = self._offsets_at(places, begin_ms)
            stretches = {p: (begins[p], ends[p]) for p in places if begins[p] < ends[p]}
            found = [r for r in self._about(message_id, stretches) if own_step(r, message_id)]
            if found:
                return min(found, key=lambda r: (r.topic != CONVERSATIONS.name, r.timestamp))
            ends.update(begins)
            if begin_ms <= since_ms:
                return None
        return None

    def _around(self, trace: Trace, found: Readable) -> None:
        """Every submission and decision of the message, retries too."""
        submissions = (SUBMISSIONS.name, found.partition)
        decisions = (CONVERSATIONS.name, found.partition)
        until_ms = found.timestamp + int(RETRIES_SECONDS * 1000)
        begins = self._offsets_at([submissions, decisions], found.timestamp - 60_000)
        submitted_at = getattr(found.event, "submission_offset", None)
        if submitted_at is not None:
            begins[submissions] = min(begins[submissions], submitted_at)
        stretches = self._until(begins, until_ms)
        for record in self._about(trace.message_id, stretches):
            step = own_step(record, trace.message_id)
            if step is not None:
                trace.steps.append(step)
            if isinstance(record.event, MessageSent) and step is not None:
                trace.sent = record.event

    def _receipts(self, trace: Trace, sent: MessageSent, found: Readable) -> None:
        """The moves that first covered the message."""
        place = (RECEIPTS.name, found.partition)
        begin = self._offsets_at([place], sent.sent_at)[place]
        end = self._reader.ends([place])[place][1]
        receipts = Receipts(sent)
        for record in self._reader.read({place: (begin, end)}):
            if sent.conversation_id.encode() in _bytes_of(record):
                step = receipts.step(readable(record, self._codec))
                if step is not None:
                    trace.steps.append(step)
            if receipts.complete:
                return

    def _deliveries(
        self, trace: Trace, sent: MessageSent, found: Readable, topics: Iterable[str]
    ) -> None:
        """What went to gateways: the message and the ticks."""
        places = [(topic, 0) for topic in topics]
        begins = self._offsets_at(places, sent.sent_at)
        until_ms = found.timestamp + int(DELIVERIES_SECONDS * 1000)
        stretches = self._until(begins, until_ms)
        steps: list[Step] = []
        for record in self._reader.read(stretches):
            if sent.conversation_id.encode() in _bytes_of(record):
                steps += delivery_steps(readable(record, self._codec), sent)
        steps.sort(key=lambda step: step.at or 0)
        trace.steps += first_of_each(steps)

    def _about(
        self, message_id: str, stretches: dict[Place, tuple[int, int]]
    ) -> Iterator[Readable]:
        needle = message_id.encode()
        for record in self._reader.read(stretches):
            if needle in _bytes_of(record):
                yield readable(record, self._codec)

    def _until(self, begins: dict[Place, int], until_ms: int) -> dict[Place, tuple[int, int]]:
        ends = self._offsets_at(list(begins), until_ms)
        return {place: (begin, ends[place]) for place, begin in begins.items()}

    def _offsets_at(self, places: list[Place], instant_ms: int) -> dict[Place, int]:
        """The offset of the first record at or after an instant, else the end, of each place."""
        if not places:
            return {}
        wanted = [TopicPartition(*place, max(0, instant_ms)) for place in places]
        found = self._offsets.offsets_for_times(wanted, timeout=KAFKA_SECONDS)
        ends = self._reader.ends([(p.topic, p.partition) for p in found if p.offset < 0])
        offsets: dict[Place, int] = {}
        for one in found:
            place = (one.topic, one.partition)
            offsets[place] = one.offset if one.offset >= 0 else ends[place][1]
        return offsets


def _bytes_of(record: Message) -> bytes:
    value = record.value()
    return value if isinstance(value, bytes) else b""
