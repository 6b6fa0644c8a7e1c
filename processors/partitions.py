"""The partitions of one consumer group's source: how they arrive, where they begin, and leave.

Partitions that arrive are paused first. What their assignee has to do (restoring a state may take
seconds) is done on a thread, so that the process's other groups go on; this one is not looked at
meanwhile, so no partition leaves while its assignee claims it for this process. When that fails
since Kafka is away, it begins anew after a look. Then they are read from where it says.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from infra.log_reader import Place, place_of
from infra.transient import is_transient
from processors.progress import Progress

_COMMITTED_SECONDS = 5.0
_SEEK_SECONDS = 5.0
_SEEK_AGAIN_SECONDS = 0.01
_BEGIN_AGAIN_SECONDS = 0.5
_NEVER = 1 << 62

log = structlog.get_logger()


class Assignee(Protocol):
    """What a source tells of its partitions."""

    async def assigned(self, committed: list[TopicPartition]) -> list[TopicPartition]:
        """Partitions arrived, with committed offset and metadata; where to start each.

        Until it returns no batch begins and no partition of the group leaves.
        """

    def committing(self, place: TopicPartition) -> TopicPartition:
        """What to commit for a position that is confirmed: the same, or with other metadata."""

    def revoked(self, partitions: list[TopicPartition]) -> None:
        """Partitions left; no batch of theirs is being handled."""


class Partitions:
    """Those that one consumer has now. `fail` is told what cannot be mended by trying again."""

    def __init__(
        self, group: str, assignee: Assignee, progress: Progress, fail: Callable[[Exception], None]
    ) -> None:
        self.arrival = 0
        """How often partitions have arrived."""
        self._group = group
        self._assignee = assignee
        self._progress = progress
        self._fail = fail
        self._consumer: Consumer
        self._owned: dict[Place, int] = {}
        self._starts: dict[Place, int] = {}
        self._arriving: list[TopicPartition] = []
        self._beginning: asyncio.Task[None] | None = None

    @property
    def is_beginning(self) -> bool:
        """Whether some are about to be read; the consumer is not to be looked at meanwhile."""
        return self._beginning is not None

    def subscribe(self, consumer: Consumer, topics: Sequence[str]) -> None:
        """Take part in the group."""
        self._consumer = consumer
        consumer.subscribe(
            list(topics),
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    def begin_arrived(self) -> None:
        """Begin to read those that arrived at the last look, if there are any."""
        if self._arriving:
            self._beginning = asyncio.create_task(self._begin(self._arriving))
            self._arriving = []

    def cancel(self) -> None:
        """Begin no more."""
        if self._beginning is not None:
            self._beginning.cancel()

    def stayed(self, places: Iterable[TopicPartition], arrival: int) -> list[TopicPartition]:
        """Those that have been here since so many arrivals; of others, another's word counts."""
        return [
            place
            for place in places
            if self._owned.get((place.topic, place.partition), _NEVER) <= arrival
        ]

    def still_here(self, records: Iterable[Message], arrival: int) -> list[Message]:
        """The records of partitions that have been here since so many arrivals.

        One that left and came again in between is read anew, from where its assignee says. Records
        before that are dropped: a seek may be overtaken by what was fetched from the beginning.
        """
        here = []
        for record in records:
            topic, partition, offset = place_of(record)
            place = topic, partition
            if self._owned.get(place, _NEVER) <= arrival and offset >= self._starts.get(place, 0):
                here.append(record)
        return here

    async def _begin(self, partitions: list[TopicPartition]) -> None:
        """Start to read partitions that arrived and are paused."""
        try:
            committed = await asyncio.to_thread(self._committed, partitions)
            starts = await self._assignee.assigned(committed)
            await asyncio.to_thread(self._seek, starts)
            self._starts.update({(one.topic, one.partition): one.offset for one in starts})
            self._consumer.resume(starts)
        except Exception as error:
            if not is_transient(error):
                self._fail(error)
                return
            log.warning("partitions could not be started", group=self._group, error=said(error))
            # Through the next look at the consumer, which may be told that they have left.
            await asyncio.sleep(_BEGIN_AGAIN_SECONDS)
            self._arriving = [*partitions, *self._arriving]
        else:
            self._progress.assigned = True
        self._beginning = None

    def _committed(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Where the group left off in each partition. For a thread."""
        committed = self._consumer.committed(partitions, timeout=_COMMITTED_SECONDS)
        for place in committed:
            if place.error is not None:
                raise KafkaException(place.error)
            if place.offset < 0:
                place.offset = OFFSET_BEGINNING
        return committed

    def _seek(self, starts: list[TopicPartition]) -> None:
        """Go to where partitions start; one only just assigned may not listen yet. For a thread."""
        give_up_at = time.monotonic() + _SEEK_SECONDS
        for place in starts:
            while True:
                try:
                    self._consumer.seek(place)
                    break
                except KafkaException:
                    if time.monotonic() > give_up_at:
                        raise
                    time.sleep(_SEEK_AGAIN_SECONDS)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not partitions:
            self._progress.assigned = True
            return
        for place in partitions:  # where it really begins is known later; it is paused until then
            place.offset = OFFSET_BEGINNING
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        self.arrival += 1
        self._owned.update({(place.topic, place.partition): self.arrival for place in partitions})
        self._progress.partitions = len(self._owned)
        self._arriving += partitions

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            consumer.commit(asynchronous=True)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:
                log.warning("commit at revoke failed", group=self._group, error=str(error))
        self._on_lost(consumer, partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_unassign(partitions)
        for place in partitions:
            self._owned.pop((place.topic, place.partition), None)
            self._starts.pop((place.topic, place.partition), None)
        self._arriving = [
            place for place in self._arriving if (place.topic, place.partition) in self._owned
        ]
        self._assignee.revoked(partitions)
        self._progress.partitions = len(self._owned)


def said(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {error}"
