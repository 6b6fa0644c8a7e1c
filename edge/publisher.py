"""Publishes what this gateway has to say, and repeats what must not be left unsaid.

In: events of sessions and of the gateway. Out: records on their topics. Three kinds of care:
- what a client asked for is tried for a bounded time, then the client is told `unavailable`; a
  message is not even tried while too many wait for an answer;
- markers are watermarks: those that were not taken are coalesced again with newer ones;
- the life of sessions and of the gateway is repeated until Kafka has it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from msgspec import Struct

from edge.backlog import Backlog
from edge.markers import Markers
from events.codec import Codec
from events.receipts import Marker, MarkersSubmitted
from events.topics import QUERIES, SUBMISSIONS, Topic, partition_of
from infra.producer import Publisher
from infra.telemetry import EDGE_PUBLISHED, EDGE_UNAVAILABLE, Telemetry

MARKERS_SECONDS = 0.1
_AGAIN_SECONDS = 1.0

Outcome = Callable[[bool], None]
"""Told whether Kafka confirmed."""

_Said = tuple[Topic, Struct, str, Callable[[], bool]]
"""An event with its topic and key, and whether it is still so."""

log = structlog.get_logger()


class _Flush:
    """The records of markers that were sent together, and who waits until Kafka has all of them."""

    __slots__ = ("_confirmed", "_outcomes", "_untold")

    def __init__(self, records: int, outcomes: Sequence[Outcome]) -> None:
        self._untold = records
        self._outcomes = outcomes
        self._confirmed = True

    def told(self, confirmed: bool) -> None:
        """Whether Kafka confirmed one of them."""
        self._untold -= 1
        self._confirmed &= confirmed
        if not self._untold:
            for outcome in self._outcomes:
                outcome(self._confirmed)


class EdgePublisher:
    """The gateway's side of the log."""

    def __init__(
        self,
        publisher: Publisher,
        codec: Codec,
        telemetry: Telemetry,
        loop: asyncio.AbstractEventLoop,
        backlog: Backlog,
    ) -> None:
        self._publisher = publisher
        self._encode = codec.encode
        self._telemetry = telemetry
        self._loop = loop
        self._backlog = backlog
        self._markers = Markers()
        self._markers_due: asyncio.TimerHandle | None = None
        self._markers_flushed_at = float("-inf")
        self._marking: list[Outcome] = []
        """Who waits to hear that the markers which wait are in the log."""
        self.confirmed_at = float("-inf")
        """When Kafka last confirmed something, on the monotonic clock."""
        self.unsaid = 0
        """Announcements that Kafka does not have yet."""

    def submit(self, event: Struct, key: str, outcome: Outcome) -> None:
        """Submit a message, unless too many wait; the outcome may be told before this returns."""
        backlog = self._backlog
        partition = partition_of(key, SUBMISSIONS.partitions)
        if backlog.is_full(partition, self._loop.time()):
            self._telemetry.count(EDGE_UNAVAILABLE, 1, "backlog")
            outcome(False)
            return
        backlog.submitted(partition)
        self._publisher.send(
            SUBMISSIONS.name,
            self._encode(event),
            partial(self._submitted, partition, outcome),
            key.encode(),
            partition,
        )

    def ask(self, event: Struct, key: str, outcome: Outcome) -> None:
        """Publish a question of a client."""
        self._publisher.send(
            QUERIES.name, self._encode(event), partial(self._asked, outcome), key.encode()
        )

    def mark(self, marker: Marker) -> bool:
        """Submit a marker together with others: at once after a pause, else ten times a second.

        False when there is no room for it.
        """
        has_room = self._markers.add(marker, self._loop.time())
        if not has_room:
            self._telemetry.count(EDGE_UNAVAILABLE, 1, "markers")
        if self._markers_due is None:
            due = max(self._markers_flushed_at + MARKERS_SECONDS, self._loop.time())
            self._markers_due = self._loop.call_at(due, self.flush_markers)
        return has_room

    def mark_all(self, markers: Sequence[Marker], outcome: Outcome) -> None:
        """Submit markers; the outcome is told once Kafka has all of them, or one failed."""
        if all([self.mark(marker) for marker in markers]):
            self._marking.append(outcome)
        else:
            outcome(False)

    def flush_markers(self) -> None:
        """Submit the markers that wait."""
        self._markers_due = None
        self._markers_flushed_at = self._loop.time()
        outcomes, self._marking = self._marking, []
        records = self._markers.take()
        if not records:  # Kafka has all of it already
            for outcome in outcomes:
                outcome(True)
        flush = _Flush(len(records), outcomes)
        for partition, packed in records:
            self._publisher.send(
                SUBMISSIONS.name,
                self._encode(packed),
                partial(self._marked, packed, flush),
                partition=partition,
            )

    async def say(self, topic: Topic, event: Struct, key: str) -> None:
        """Publish, and return when Kafka has it. Raises what the producer raises."""
        await self._publisher.publish(topic, event, key=key)
        self._count(topic.name, None)

    def announce(
        self, topic: Topic, event: Struct, key: str, still: Callable[[], bool] = lambda: True
    ) -> None:
        """Publish until Kafka has it, or it is no longer so."""
        self.unsaid += 1
        self._announce((topic, event, key, still))

    def _submitted(
        self, partition: int, outcome: Outcome, offset: int | None, error: Exception | None
    ) -> None:
        self._count(SUBMISSIONS.name, error)
        if offset is None:
            self._backlog.failed(partition)
        else:
            self._backlog.confirmed(partition, offset)
        outcome(error is None)

    def _asked(self, outcome: Outcome, offset: int | None, error: Exception | None) -> None:
        self._count(QUERIES.name, error)
        outcome(error is None)

    def _marked(
        self,
        packed: MarkersSubmitted,
        flush: _Flush,
        offset: int | None,
        error: Exception | None,
    ) -> None:
        self._count(SUBMISSIONS.name, error)
        flush.told(error is None)
        if error is None:
            self._markers.told(packed.markers, self._loop.time())
        else:
            self._loop.call_later(_AGAIN_SECONDS, self._mark_again, packed)

    def _mark_again(self, packed: MarkersSubmitted) -> None:
        for marker in packed.markers:
            self.mark(marker)

    def _announce(self, said: _Said) -> None:
        topic, event, key, _ = said
        self._publisher.send(
            topic.name, self._encode(event), partial(self._announced, said), key.encode()
        )

    def _announced(self, said: _Said, offset: int | None, error: Exception | None) -> None:
        topic, event, _, still = said
        self._count(topic.name, error)
        if error is not None and still():
            log.warning("announced again", topic=topic.name, kind=type(event).__name__)
            self._loop.call_later(_AGAIN_SECONDS, self._announce, said)
        else:
            self.unsaid -= 1

    def _count(self, topic: str, error: Exception | None) -> None:
        if error is None:
            self.confirmed_at = time.monotonic()
            self._telemetry.count(EDGE_PUBLISHED, 1, topic)
        else:
            self._telemetry.count(EDGE_UNAVAILABLE, 1, topic)
