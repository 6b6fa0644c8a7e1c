"""How a process becomes the writer of partitions: it restores, claims, then decides.

On assignment it folds snapshot, facts and moves, appends WriterClaimed to each partition of the
fact log with the next number (ADR 0002), folds on up to its own claim, and starts reading where the
group is, but never after the last message that is decided in the log (`submissions`). What an
older owner appends behind the claim is seen by nobody. When another's claim came first, under the
same number or a greater one, its own does not count and silences nobody: it looks at the group
again, which may have given the partition away, and begins anew. Should a claim land that does count
while it decides, it sees by the offsets of its facts that somebody wrote between them, and ends.
When the submissions are not those that were decided, it says so in the log, and where it begins.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import structlog
from confluent_kafka import TopicPartition
from msgspec import Struct

from events.codec import DecodeError
from events.conversations import SubmissionsRestarted, WriterClaimed
from events.fence import number_of
from events.marks import Mark, fingerprint_of, mark_of
from events.topics import CONVERSATIONS
from infra.log_reader import Place, place_of
from infra.reading import Reading
from processors.admission.restore import fold_on, restore
from processors.admission.state import PartitionState
from processors.admission.submissions import begins, restarts
from processors.context import Context
from processors.guard import Guard
from processors.positions import Positions

_CLAIM_SECONDS = 60.0

Said = tuple[int, bytes]
"""The offset of a record of our own, and its bytes."""

log = structlog.get_logger()


class Fenced(Exception):
    """Another process claimed a partition: what was decided since is seen by nobody."""


class ClaimLost(ConnectionError):
    """Another's claim came first. Passing: the group says who is to claim next."""


class Owner:
    """The partitions that this process writes, with their states."""

    def __init__(self, context: Context) -> None:
        self.states: dict[int, PartitionState] = {}
        self._next_offsets: dict[int, int] = {}
        self._confirmed: dict[int, Said] = {}
        """Our newest record in each partition: the offset behind it, and its bytes."""
        self._positions: Positions
        self._context = context
        self._guard: Guard

    def with_guard(self, guard: Guard) -> "Owner":
        """As the assignee of a source; submissions are not fenced."""
        self._guard = guard
        self._positions = guard.positions
        return self

    async def assigned(self, committed: list[TopicPartition]) -> list[TopicPartition]:
        """Restore and claim partitions; where to start reading their submissions.

        Raises LogLost when the fact log does not hold what was decided.
        """
        started_at = time.monotonic()
        self._guard.read_before(committed)
        await self._positions.compare(
            {
                (CONVERSATIONS.name, place.partition): mark
                for place in committed
                if (mark := mark_of(place.metadata, 0)) is not None and place.offset >= 0
            }
        )
        states = await asyncio.to_thread(self._restored, [one.partition for one in committed])
        async with asyncio.timeout(_CLAIM_SECONDS):
            claims = await self._claim(states)
        await asyncio.to_thread(self._fold_up_to, claims, states)
        reached = {one.partition: one.offset for one in committed if one.offset >= 0}
        found, starts = await asyncio.to_thread(self._look_at_submissions, states, reached)
        restarted = await self._restart_submissions(found, states)
        # What was committed there before is not what lies there now.
        starts |= {one: states[one].submission_offset + 1 for one in restarted}
        said = claims | restarted
        self.states.update(states)
        for partition, (offset, value) in said.items():
            self._next_offsets[partition] = offset + 1
            self._confirmed[partition] = (offset + 1, value)
        log.info(
            "partitions owned",
            partitions=len(states),
            facts=sum(state.fact_offset for state in states.values()),
            seconds=round(time.monotonic() - started_at, 3),
        )
        for place in committed:
            place.offset = starts[place.partition]
        self._guard.read_before([one for one in committed if one.partition in restarted])
        return committed

    def revoked(self, partitions: list[TopicPartition]) -> None:
        """Forget partitions that another process owns from now on."""
        for place in partitions:
            self.states.pop(place.partition, None)
            self._next_offsets.pop(place.partition, None)
            self._confirmed.pop(place.partition, None)

    def committing(self, place: TopicPartition) -> TopicPartition:
        """Beside the offset of submissions stands a mark of the facts that Kafka has confirmed."""
        mark: Mark | str = ""
        state = self.states.get(place.partition)
        if state is not None:
            offset, value = self._confirmed[place.partition]
            generation = self._positions.generation
            mark = Mark(generation, offset, state.epoch, fingerprint_of(value))
        return TopicPartition(place.topic, place.partition, place.offset, metadata=str(mark))

    async def check(self, facts: Iterable[tuple[int, int, bytes]]) -> None:
        """See, by partition and offset of facts in their order, whether anybody wrote between them.

        Raises Fenced when one of those claimed the partition. Waits while nobody can say.
        """
        gaps: dict[Place, tuple[int, int]] = {}
        for partition, offset, value in facts:
            expected = self._next_offsets.get(partition)
            if expected is None or offset < expected:
                continue  # the partition left, and perhaps came again
            if offset > expected:
                place = (CONVERSATIONS.name, partition)
                gaps[place] = (gaps.get(place, (expected, 0))[0], offset)
            self._next_offsets[partition] = offset + 1
            self._confirmed[partition] = (offset + 1, value)
        if gaps:
            await self._guard.retried(partial(asyncio.to_thread, self._look_for_claims, gaps))

    async def _claim(self, states: Mapping[int, PartitionState]) -> dict[int, Said]:
        """Append a claim to each partition, with the next number."""
        worker_id = self._context.worker_id
        return await self._say(
            {
                partition: WriterClaimed(writer_id=worker_id, epoch=state.epoch + 1)
                for partition, state in states.items()
            }
        )

    async def _say(self, events: Mapping[int, Struct]) -> dict[int, Said]:
        """Append an event to each partition, and wait until Kafka has it."""
        values = {partition: self._context.codec.encode(one) for partition, one in events.items()}
        publish = self._context.publisher.publish_bytes
        offsets = await asyncio.gather(
            *(publish(CONVERSATIONS.name, one, partition=number) for number, one in values.items())
        )
        said = zip(values.items(), offsets, strict=True)
        return {partition: (offset, value) for (partition, value), offset in said}

    async def _restart_submissions(
        self, found: Mapping[int, SubmissionsRestarted], states: Mapping[int, PartitionState]
    ) -> dict[int, Said]:
        """Where submissions are not those that were decided, say in the log where reading begins.

        Raises ClaimLost when what was said does not count.
        """
        said = await self._say(found)
        await asyncio.to_thread(self._fold_restarts, said, states)
        for partition, restart in found.items():
            log.warning(
                "submissions are not those that were decided: reading begins anew",
                partition=partition,
                detail=restart.detail,
                submissions_from=restart.submissions_from,
            )
        return said

    def _look_at_submissions(
        self, states: Mapping[int, PartitionState], reached: Mapping[int, int]
    ) -> tuple[dict[int, SubmissionsRestarted], dict[int, int]]:
        """Which are not those that were decided, and where reading of the others starts; `reached`
        is where the group is. For a thread."""
        with self._context.log_reader() as reader:
            found = restarts(reader, self._reading(), states)
            return found, begins(reader, states, reached)

    def _fold_restarts(
        self, said: Mapping[int, Said], states: Mapping[int, PartitionState]
    ) -> None:
        restarted = {partition: states[partition] for partition in said}
        epochs = {partition: state.epoch for partition, state in restarted.items()}
        with self._context.log_reader() as reader:
            ends = {partition: offset + 1 for partition, (offset, _) in said.items()}
            fold_on(reader, self._reading(), restarted, ends)
        for partition, state in restarted.items():
            if state.epoch != epochs[partition]:
                raise ClaimLost(f"another claimed partition {partition}")

    def _look_for_claims(self, gaps: Mapping[Place, tuple[int, int]]) -> None:
        """Raises Fenced when a claim that counts lies in a stretch. For a thread."""
        reading = self._reading()
        with self._context.log_reader() as reader:
            kept = reader.ends(list(gaps))
            if gone := [place for place, (start, _) in gaps.items() if kept[place][0] > start]:
                raise Fenced(f"what was written between our facts is gone: {gone}")
            for record in reader.read(gaps):
                _, partition, offset = place_of(record)
                state = self.states.get(partition)
                with contextlib.suppress(DecodeError):
                    event = reading.event(record)
                    if state is None or not isinstance(event, WriterClaimed):
                        continue
                    if number_of(event, offset) > state.epoch:
                        raise Fenced(f"partition {partition} was claimed by another")

    def _restored(self, partitions: Sequence[int]) -> dict[int, PartitionState]:
        """The states up to where the facts end now. For a thread."""
        with self._context.log_reader() as reader:
            bounds = reader.ends([(CONVERSATIONS.name, partition) for partition in partitions])
            ends = {partition: end for (_, partition), (_, end) in bounds.items()}
            context, generation = self._context, self._positions.generation
            return restore(reader, context.codec, context.look_up, ends, generation)

    def _reading(self) -> Reading:
        return Reading(self._context.codec, self._context.look_up)

    def _fold_up_to(self, claims: Mapping[int, Said], states: Mapping[int, PartitionState]) -> None:
        """Take states up to the claims. Raises ClaimLost when one does not count. For a thread."""
        wanted = {partition: state.epoch + 1 for partition, state in states.items()}
        with self._context.log_reader() as reader:
            ends = {partition: offset for partition, (offset, _) in claims.items()}
            fold_on(reader, self._reading(), states, ends)
        for partition, state in states.items():
            if state.epoch >= wanted[partition]:
                raise ClaimLost(f"another claimed partition {partition} first")
            state.epoch = wanted[partition]
            state.fact_offset = claims[partition][0] + 1
