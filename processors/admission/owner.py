"""How a process becomes the writer of partitions: it claims, restores, then decides.

On assignment it appends WriterClaimed to each partition of the fact log (the record's offset is its
epoch, ADR 0002), folds snapshot, facts up to its own claim and moves, and starts reading behind the
last submission that is decided in the log. The log alone says where that is: what the group
committed may come from an owner whose decisions nobody sees. What an older owner appends behind the
claim is seen by nobody. Meanwhile the source takes nothing and no partition leaves: a late claim
would fence the next owner off. Should one land all the same (its process stood still, or Kafka was
out of its reach), the owner that it fences off sees by the offsets of its facts that somebody wrote
between them, and ends.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable

import structlog
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from events.codec import DecodeError
from events.conversations import WriterClaimed
from events.topics import CONVERSATIONS
from infra.log_reader import Place
from infra.reading import Reading
from processors.admission.restore import restore
from processors.admission.state import PartitionState
from processors.context import Context
from processors.guard import Guard

_CLAIM_SECONDS = 60.0

log = structlog.get_logger()


class Fenced(Exception):
    """Another process claimed a partition: what was decided since is seen by nobody."""


class Owner:
    """The partitions that this process writes, with their states."""

    def __init__(self, context: Context) -> None:
        self.states: dict[int, PartitionState] = {}
        self._next_offsets: dict[int, int] = {}
        self._context = context

    def with_guard(self, guard: Guard) -> "Owner":
        """As the assignee of a source; submissions are not fenced, so the guard has no part."""
        return self

    async def assigned(self, committed: list[TopicPartition]) -> list[TopicPartition]:
        """Claim and restore partitions; where to start reading their submissions."""
        started_at = time.monotonic()
        async with asyncio.timeout(_CLAIM_SECONDS):
            claims = await self._claim([place.partition for place in committed])
        states = await asyncio.to_thread(self._restored, claims)
        for partition, state in states.items():
            assert state.epoch == claims[partition], "someone claimed the partition since"
        self.states.update(states)
        self._next_offsets.update({partition: epoch + 1 for partition, epoch in claims.items()})
        log.info(
            "partitions owned",
            partitions=len(states),
            facts=sum(state.fact_offset for state in states.values()),
            seconds=round(time.monotonic() - started_at, 3),
        )
        for place in committed:
            decided = states[place.partition].submission_offset
            place.offset = OFFSET_BEGINNING if decided < 0 else decided + 1
        return committed

    def revoked(self, partitions: list[TopicPartition]) -> None:
        """Forget partitions that another process owns from now on."""
        for place in partitions:
            self.states.pop(place.partition, None)
            self._next_offsets.pop(place.partition, None)

    async def check(self, facts: Iterable[tuple[int, int]]) -> None:
        """See, by partition and offset of facts in their order, whether anybody wrote between them.

        Raises Fenced when one of those claimed the partition.
        """
        gaps: dict[Place, tuple[int, int]] = {}
        for partition, offset in facts:
            expected = self._next_offsets.get(partition)
            if expected is None or offset < expected:
                continue  # the partition left, and perhaps came again
            if offset > expected:
                place = (CONVERSATIONS.name, partition)
                gaps[place] = (gaps.get(place, (expected, 0))[0], offset)
            self._next_offsets[partition] = offset + 1
        if gaps:
            await asyncio.to_thread(self._look_for_claims, gaps)

    async def _claim(self, partitions: list[int]) -> dict[int, int]:
        """Append a claim to each partition; their offsets, which are the epochs."""
        claim = WriterClaimed(writer_id=self._context.worker_id)
        publish = self._context.publisher.publish
        epochs = await asyncio.gather(
            *(publish(CONVERSATIONS, claim, partition=partition) for partition in partitions)
        )
        return dict(zip(partitions, epochs, strict=True))

    def _look_for_claims(self, gaps: dict[Place, tuple[int, int]]) -> None:
        reading = Reading(self._context.codec, self._context.look_up)
        with self._context.log_reader() as reader:
            for record in reader.read(gaps):
                with contextlib.suppress(DecodeError):
                    if isinstance(reading.event(record), WriterClaimed):
                        raise Fenced(f"partition {record.partition()} was claimed by another")

    def _restored(self, claims: dict[int, int]) -> dict[int, PartitionState]:
        """The states up to the claims. For a thread."""
        ends = {partition: epoch + 1 for partition, epoch in claims.items()}
        with self._context.log_reader() as reader:
            return restore(reader, self._context.codec, self._context.look_up, ends)
