"""Folds facts and moves, writes snapshots: the shell.

Takes `chat.conversations` and `chat.receipts` (the same partition numbers of both); puts parts and
a SnapshotCompleted on `chat.snapshots`. It starts from its own newest snapshot, so it needs no
committed offset and a repeated snapshot has the same parts. A batch counts as handled when the
snapshots that it made due are written. A snapshot is written again before the topic deletes it.
"""

import asyncio
from collections.abc import Sequence

import structlog
from confluent_kafka import OFFSET_BEGINNING, Message, TopicPartition

from events.marks import fingerprint_of, mark_of
from events.topics import CONVERSATIONS, RECEIPTS
from infra.log_reader import Place
from infra.transient import is_transient
from processors.admission.restore import newest_snapshots
from processors.admission.state import PartitionState, evolve
from processors.app import WorkerApp
from processors.context import Context
from processors.guard import Guard
from processors.received import Received
from processors.snapshots.plan import RENEW_SECONDS, is_due
from processors.snapshots.writing import write

_NEWEST = 2**62
_LOOK_SECONDS = 600.0

log = structlog.get_logger()


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
        async with folded.at_rest:
            for received in batch:
                folded.fold(received)
            for partition in dict.fromkeys(received.partition for received in batch):
                state = folded.states[partition]
                state.epoch = folded.guard.epoch_of(CONVERSATIONS.name, partition)
                # Also when the batch is repeated, all of it folded already: the snapshot is owed.
                if is_due(state, folded.facts_since[partition]):
                    await folded.write(partition)


class Folded:
    """The states of this process's partitions, and where reading of each began."""

    def __init__(self, context: Context) -> None:
        self.states: dict[int, PartitionState] = {}
        self.facts_since: dict[int, int] = {}
        self.newest: dict[Place, Message] = {}
        """The record that was folded last, of each topic and partition."""
        self.at_rest = asyncio.Lock()
        """Held by who changes states, or writes them down."""
        self.guard: Guard
        self._context = context
        self._renew_at: dict[int, float] = {}

    def with_guard(self, guard: Guard) -> "Folded":
        """As the assignee of a source whose fence starts where a snapshot ends."""
        self.guard = guard
        renewing = self._context.loop.create_task(self._renew())
        self._context.background.add(renewing)
        return self

    def fold(self, received: Received) -> None:
        """Fold a record, unless a snapshot or an earlier try has it already."""
        state = self.states[received.partition]
        self.newest[received.topic, received.partition] = received.record
        if received.topic == RECEIPTS.name:
            evolve(state, received.event)
            state.receipt_offset = max(state.receipt_offset, received.offset + 1)
        elif received.offset >= state.fact_offset:
            evolve(state, received.event)
            state.fact_offset = received.offset + 1
            self.facts_since[received.partition] += 1

    async def write(self, partition: int) -> None:
        """Write the snapshot of a partition; `at_rest` is held. Transient errors are raised."""
        self.note_fingerprints(partition)
        await write(
            self._context.publisher,
            self._context.codec,
            partition,
            self.states[partition],
            self.guard.positions.generation,
            self.guard.progress.going_on,
        )
        self.facts_since[partition] = 0
        self._renew_at[partition] = self._context.loop.time() + RENEW_SECONDS

    async def _renew(self) -> None:
        """Write the snapshots of quiet partitions again before the topic deletes them.

        How old one is that was restored is not known: it is written again at the first look.
        """
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for partition in list(self.states):
                async with self.at_rest:
                    state = self.states.get(partition)
                    if state is None or not state.fact_offset:
                        continue
                    if self._context.loop.time() < self._renew_at.get(partition, 0.0):
                        continue
                    try:
                        await self.write(partition)
                    except Exception as error:
                        if not is_transient(error):
                            self._context.end_process(f"snapshots met a fault: {error!r}")
                        log.warning("snapshot not renewed", partition=partition, error=repr(error))

    async def assigned(self, committed: list[TopicPartition]) -> list[TopicPartition]:
        """Start each partition behind its newest snapshot. Raises LogLost."""
        marks = {
            (place.topic, place.partition): mark
            for place in committed
            if (mark := mark_of(place.metadata, place.offset)) is not None and place.offset >= 0
        }
        await self.guard.positions.compare(marks)
        self.guard.read_before(committed)
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
            self._renew_at.pop(place.partition, None)
        self.guard.revoked(partitions)
