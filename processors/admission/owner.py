"""How a process becomes the writer of partitions: it claims, restores, then decides.

On assignment it appends WriterClaimed to each partition of the fact log (the record's offset is its
epoch, ADR 0002), folds snapshot, facts up to its own claim and moves, and starts reading behind the
last submission that is decided in the log. The log alone says where that is: what the group
committed may come from an owner whose decisions nobody sees. What an older owner appends behind the
claim is seen by nobody. Runs on a thread, while the source takes nothing and no partition leaves:
a late claim would fence the next owner off.
"""

import asyncio
import time

import structlog
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from events.conversations import WriterClaimed
from events.topics import CONVERSATIONS
from processors.admission.restore import restore
from processors.admission.state import PartitionState
from processors.context import Context
from processors.guard import Guard

_CLAIM_SECONDS = 60.0

log = structlog.get_logger()


class Owner:
    """The partitions that this process writes, with their states."""

    def __init__(self, context: Context) -> None:
        self.states: dict[int, PartitionState] = {}
        self._context = context

    def with_guard(self, guard: Guard) -> "Owner":
        """As the assignee of a source; submissions are not fenced, so the guard has no part."""
        return self

    def assigned(self, committed: list[TopicPartition]) -> list[TopicPartition]:
        """Claim and restore partitions; where to start reading their submissions."""
        started_at = time.monotonic()
        claims = self._claim([place.partition for place in committed])
        context = self._context
        states = restore(
            context.settings.kafka.bootstrap,
            context.codec,
            {partition: epoch + 1 for partition, epoch in claims.items()},
        )
        for partition, state in states.items():
            assert state.epoch == claims[partition], "someone claimed the partition since"
        self.states.update(states)
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

    def _claim(self, partitions: list[int]) -> dict[int, int]:
        claim = WriterClaimed(writer_id=self._context.worker_id)

        async def publish_claims() -> list[int]:
            return await asyncio.gather(
                *(
                    self._context.publisher.publish(CONVERSATIONS, claim, partition=partition)
                    for partition in partitions
                )
            )

        waiting = asyncio.run_coroutine_threadsafe(publish_claims(), self._context.loop)
        return dict(zip(partitions, waiting.result(_CLAIM_SECONDS), strict=True))
