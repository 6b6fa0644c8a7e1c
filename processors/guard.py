"""What happens to a batch: decoded, fenced, handled; retried, set aside, or the end of the process.

The one place that decides about failure, so no exception leaves an agent and nothing is skipped in
silence (consumed = handled + fenced off + dead-lettered, counted here):
- bytes that are no event, and records that a handler names as Poison, go to the dead letters;
- an event of a newer release stops the role before anything of its batch has an effect: whoever has
  that release goes on (`NewerRelease`);
- transient errors of Kafka, Cassandra, Redis or the registry are retried in place, with back-off,
  for ever: the partition waits, nothing is lost;
- anything else is a fault of the program: it is logged and the process ends. The batch was not
  acknowledged, so whoever takes the partition next gets it again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import structlog
from confluent_kafka import OFFSET_BEGINNING, Message, TopicPartition
from msgspec import Struct

from events.codec import Codec, DecodeError, UnknownSchema
from events.fence import NO_EPOCH, Fence
from events.marks import mark_of
from events.topics import CONVERSATIONS
from infra.log_reader import Place, place_of
from infra.reading import event_of, no_schema
from infra.telemetry import Telemetry
from infra.transient import is_transient
from processors.dead_letters import DeadLetters
from processors.positions import Positions
from processors.progress import Progress
from processors.received import Confirmation, Poison, Received

Handler = Callable[[Sequence[Received]], Awaitable[Confirmation | None]]
"""Takes a batch. What it gives back, if anything, is awaited before the batch is acknowledged,
while the next ones are handled already."""

_Outcome = TypeVar("_Outcome")

LOOK_UPS_AT_A_TIME = 8
"""So many schema ids are asked about side by side."""

_BACK_OFF_SECONDS = 0.05
_BACK_OFF_SECONDS_MAX = 5.0

log = structlog.get_logger()


class Guard:
    """Takes the batches of one consumer group through decoding, fence and handler.

    `look_up` lets the codec learn of a schema id, if it is one of ours; it may block.
    """

    def __init__(
        self,
        group: str,
        handler: Handler,
        *,
        codec: Codec,
        look_up: Callable[[int], bool],
        dead_letters: DeadLetters,
        telemetry: Telemetry,
        positions: Positions,
        fenced: bool,
    ) -> None:
        self.group = group
        self.progress = Progress()
        self._handler = handler
        self._codec = codec
        self._look_up = look_up
        self._dead_letters = dead_letters
        self._telemetry = telemetry
        self.positions = positions
        self._fenced_topic = CONVERSATIONS.name if fenced else None
        self._fences: dict[int, Fence] = {}
        self._read_before: dict[Place, int] = {}

    async def assigned(self, committed: list[TopicPartition]) -> list[TopicPartition]:
        """Start each partition where it was committed, under the epoch committed beside it.

        Raises LogLost when the log does not hold what was read from it.
        """
        for place, epoch in await self.positions.checked(committed):
            self.start_fence(place.topic, place.partition, epoch)
        self.read_before(committed)
        return committed

    def read_before(self, committed: list[TopicPartition]) -> None:
        """What lies below these offsets was acknowledged: its poison is set aside already.

        A role that starts further back, from a state of its own, meets it again. Only an offset
        with a mark of this generation of the log counts: below any other lie other records, or
        nobody knows which, and a second letter is better than none.
        """
        for one in committed:
            mark = mark_of(one.metadata, one.offset)
            if mark is not None and mark.generation == self.positions.generation:
                self._read_before[one.topic, one.partition] = one.offset
            else:
                self._read_before.pop((one.topic, one.partition), None)

    def committing(self, place: TopicPartition) -> TopicPartition:
        """The same: its mark was made when the batch was taken."""
        return place

    def revoked(self, partitions: list[TopicPartition]) -> None:
        """Forget the fences of partitions that left."""
        for place in partitions:
            if place.topic == self._fenced_topic:
                self._fences.pop(place.partition, None)

    def start_fence(self, topic: str, partition: int, epoch: int) -> None:
        """Set the epoch in force where reading of a partition starts."""
        if topic == self._fenced_topic:
            self._fences[partition] = Fence(epoch)

    def epoch_of(self, topic: str, partition: int) -> int:
        """The epoch in force behind the last record taken; to be committed beside its offset."""
        fence = self._fences.get(partition) if topic == self._fenced_topic else None
        return NO_EPOCH if fence is None else fence.epoch

    def mark_behind(self, record: Message) -> str:
        """What to commit beside the offset behind the last record taken of a partition."""
        topic, partition, _ = place_of(record)
        return str(self.positions.mark(record, self.epoch_of(topic, partition)))

    async def take(self, records: Sequence[Message]) -> Confirmation | None:
        """Take one batch: every record has its outcome when what this gives back is done.

        Raises NewerRelease.
        """
        await self._find_out(records)
        events = [self._event(record) for record in records]
        batch, aside = self._sort(records, events)
        fenced = len(records) - len(batch) - len(aside)
        # Set aside before anything has an effect: who takes over goes on behind the effects.
        await asyncio.gather(*aside)
        confirmation = None
        while batch:
            try:
                confirmation = await self._handle(batch)
                break
            except Poison as poison:
                batch = [received for received in batch if received is not poison.received]
                letters = self._set_aside(poison.received.record, poison.code, poison.detail)
                aside += letters
                await asyncio.gather(*letters)
        self._telemetry.records(self.group, "handled", len(batch))
        if fenced:
            self._telemetry.records(self.group, "fenced", fenced)
        if aside:
            self._telemetry.records(self.group, "dead", len(aside))
        return confirmation

    async def _find_out(self, records: Sequence[Message]) -> None:
        """Ask about schema ids that are unknown. Most batches hold none."""
        pending = sorted(self._codec.unknown(record.value() for record in records))
        if pending:
            await self.retried(partial(self._ask_about, pending))

    async def _ask_about(self, pending: list[int]) -> None:
        """Look up a few ids side by side, then the next few; takes out those that were answered."""
        while few := pending[:LOOK_UPS_AT_A_TIME]:
            asked = (asyncio.to_thread(self._look_up, schema_id) for schema_id in few)
            answers = await asyncio.gather(*asked, return_exceptions=True)
            for schema_id, answer in zip(few, answers, strict=True):
                if not isinstance(answer, BaseException):
                    pending.remove(schema_id)
                    self.progress.going_on()
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer

    def _event(self, record: Message) -> Struct | DecodeError:
        try:
            return event_of(self._codec, record)
        except DecodeError as error:
            return error
        except UnknownSchema as error:  # nobody knows it
            return no_schema(error.schema_id)

    def _sort(
        self, records: Sequence[Message], events: Sequence[Struct | DecodeError]
    ) -> tuple[list[Received], list["asyncio.Future[int]"]]:
        """What the handler takes, and the letters of what is poison and was not set aside yet."""
        batch: list[Received] = []
        aside: list[asyncio.Future[int]] = []
        for record, event in zip(records, events, strict=True):
            if isinstance(event, DecodeError):
                aside += self._set_aside(record, event.code, event.detail)
                continue
            topic, partition, offset = place_of(record)
            if topic == self._fenced_topic and not self._fences[partition].admits(event, offset):
                continue
            batch.append(Received(event, topic, partition, offset, record.timestamp()[1], record))
        return batch, aside

    def _set_aside(
        self, record: Message, code: str, detail: str
    ) -> Sequence["asyncio.Future[int]"]:
        topic, partition, offset = place_of(record)
        if offset < self._read_before.get((topic, partition), OFFSET_BEGINNING):
            return ()
        return (self._dead_letters.set_aside(record, code, detail),)

    async def _handle(self, batch: Sequence[Received]) -> Confirmation | None:
        return await self.retried(partial(self._handler, batch))

    async def retried(self, work: Callable[[], Awaitable[_Outcome]]) -> _Outcome:
        """The outcome of work that is done again while its errors are transient.

        Also for what goes on after a batch was handled, before it is acknowledged.
        """
        wait_seconds = _BACK_OFF_SECONDS
        while True:
            try:
                outcome = await work()
                self.progress.retrying = False
                return outcome
            except Poison:
                raise
            except Exception as error:
                if not is_transient(error):
                    raise
                if not self.progress.retrying:
                    log.warning(
                        "retrying", group=self.group, error=f"{type(error).__name__}: {error}"
                    )
                self.progress.retrying = True
                self._telemetry.retries(self.group)
            await asyncio.sleep(wait_seconds * random.uniform(0.5, 1.5))
            wait_seconds = min(wait_seconds * 2, _BACK_OFF_SECONDS_MAX)
