"""Folds facts and moves, writes snapshots: the shell.

Takes `chat.conversations` and `chat.receipts` (the same partition numbers of both); puts parts and
a SnapshotCompleted on `chat.snapshots`. It starts from its own newest snapshot, so it needs no
committed offset and a repeated snapshot has the same parts.
"""

import asyncio
from collections.abc import Sequence

from confluent_kafka import OFFSET_BEGINNING, Message, TopicPartition

from events.marks import fingerprint_of, mark_of
from events.snapshots import SnapshotCompleted
from events.topics import CONVERSATIONS, RECEIPTS, SNAPSHOTS
from infra.log_reader import Place
from processors.admission.restore import newest_snapshots
from processors.admission.state import PartitionState, evolve
from processors.app import WorkerApp
from processors.context import Context
from processors.guard import Guard
from processors.received import Received
from processors.snapshots.plan import is_due, parts

_NEWEST = 2**62


def attach(app: WorkerApp, context: Context) -> None:
    """Attach the agent of the consumer group `snapshots`."""
    folded = Folded(context)

    @app.batches(
        "snapshots",
        topics=(CONVERSATIONS, RECEIPTS),
        fenced=True,
        patience_milliseconds=500,
        assignee=folded.with_guard,
    )
    async def write_snapshots(batch: Sequence[Received]) -> None:
        touched: set[int] = set()
        for received in batch:
            state = folded.states[received.partition]
            folded.newest[received.topic, received.partition] = received.record
            if received.topic == RECEIPTS.name:
                evolve(state, received.event)
                state.receipt_offset = max(state.receipt_offset, received.offset + 1)
            elif received.offset >= state.fact_offset:
                evolve(state, received.event)
                state.fact_offset = received.offset + 1
                folded.facts_since[received.partition] += 1
                touched.add(received.partition)
        for partition in touched:
            state = folded.states[partition]
            if is_due(state, folded.facts_since[partition]):
                folded.note_fingerprints(partition)
                await _write(context, folded.guard, partition, state)
                folded.facts_since[partition] = 0


async def _write(context: Context, guard: Guard, partition: int, state: PartitionState) -> None:
    offsets = await asyncio.gather(
        *(context.publisher.publish(SNAPSHOTS, part, partition=partition) for part in parts(state))
    )
    completed = SnapshotCompleted(
        fact_offset=state.fact_offset,
        receipt_offset=state.receipt_offset,
        parts=len(offsets),
        first_part_offset=offsets[0],
        epoch=guard.epoch_of(CONVERSATIONS.name, partition),
        submission_offset=state.submission_offset,
        newest_at=state.newest_at,
        submission_digest=state.submission_digest.hex(),
        log_generation=guard.positions.generation,
        fact_fingerprint=state.fact_fingerprint,
        receipt_fingerprint=state.receipt_fingerprint,
    )
    await context.publisher.publish(SNAPSHOTS, completed, partition=partition)


class Folded:
    """The states of this process's partitions, and where reading of each began."""

    def __init__(self, context: Context) -> None:
        self.states: dict[int, PartitionState] = {}
        self.facts_since: dict[int, int] = {}
        self.newest: dict[Place, Message] = {}
        """The record that was folded last, of each topic and partition."""
        self.guard: Guard
        self._context = context

    def with_guard(self, guard: Guard) -> "Folded":
        """As the assignee of a source whose fence starts where a snapshot ends."""
        self.guard = guard
        return self

    async def assigned(self, committed: list[TopicPartition]) -> list[TopicPartition]:
        """Start each partition behind its newest snapshot. Raises LogLost."""
        marks = {
            (place.topic, place.partition): mark
            for place in committed
            if (mark := mark_of(place.metadata, place.offset)) is not None and place.offset >= 0
        }
        await self.guard.positions.compare(marks)
        new = {place.partition for place in committed} - set(self.states)
        if new:
            self.states.update(await asyncio.to_thread(self._restored, sorted(new)))
            self.facts_since.update(dict.fromkeys(new, 0))
        for place in committed:
            state = self.states[place.partition]
            facts = place.topic == CONVERSATIONS.name
            start = state.fact_offset if facts else state.receipt_offset
            place.offset = start or OFFSET_BEGINNING
            self.guard.start_fence(place.topic, place.partition, state.epoch)
        return committed

    def _restored(self, partitions: list[int]) -> dict[int, PartitionState]:
        with self._context.log_reader() as reader:
            ends = dict.fromkeys(partitions, _NEWEST)
            generation = self.guard.positions.generation
            return newest_snapshots(reader, self._context.codec, ends, generation)

    def note_fingerprints(self, partition: int) -> None:
        """Put into a state what the records just before its offsets are known by."""
        state = self.states[partition]
        if fact := self.newest.get((CONVERSATIONS.name, partition)):
            state.fact_fingerprint = fingerprint_of(fact.value())
        if move := self.newest.get((RECEIPTS.name, partition)):
            state.receipt_fingerprint = fingerprint_of(move.value())

    def committing(self, place: TopicPartition) -> TopicPartition:
        """The same: its mark was made when the batch was taken."""
        return place

    def revoked(self, partitions: list[TopicPartition]) -> None:
        """Forget partitions; facts and receipts of one number come and go together."""
        for place in partitions:
            self.states.pop(place.partition, None)
            self.facts_since.pop(place.partition, None)
            self.newest.pop((place.topic, place.partition), None)
        self.guard.revoked(partitions)
