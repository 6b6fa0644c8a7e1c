"""What happens to a batch: decoded, fenced, handled; retried, set aside, or the end of the process.

The one place that decides about failure, so no exception leaves an agent and nothing is skipped in
silence (consumed = handled + fenced off + dead-lettered, counted here):
- bytes that are no event, and records that a handler names as Poison, go to the dead letters;
- transient errors of Kafka, Cassandra or Redis are retried in place, with back-off, for ever: the
  partition waits, nothing is lost;
- anything else is a fault of the program: it is logged and the process ends. The batch was not
  acknowledged, so whoever takes the partition next gets it again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

import structlog
from confluent_kafka import Message, TopicPartition

from events.codec import Codec, DecodeError
from events.fence import NO_EPOCH, Fence
from events.topics import CONVERSATIONS, TOPIC_OF
from infra.log_reader import place_of
from infra.telemetry import Telemetry
from infra.transient import is_transient
from processors.dead_letters import DeadLetters
from processors.partitions import epoch_in
from processors.progress import Progress
from processors.received import Confirmation, Poison, Received

Handler = Callable[[Sequence[Received]], Awaitable[Confirmation | None]]
"""Takes a batch. What it gives back, if anything, is awaited before the batch is acknowledged,
while the next ones are handled already."""

_BACK_OFF_SECONDS = 0.05
_BACK_OFF_SECONDS_MAX = 5.0

log = structlog.get_logger()


class Guard:
    """Takes the batches of one consumer group through decoding, fence and handler."""

    def __init__(
        self,
        group: str,
        handler: Handler,
        *,
        codec: Codec,
        dead_letters: DeadLetters,
        telemetry: Telemetry,
        fenced: bool,
    ) -> None:
        self.group = group
        self.progress = Progress()
        self._handler = handler
        self._codec = codec
        self._dead_letters = dead_letters
        self._telemetry = telemetry
        self._fenced_topic = CONVERSATIONS.name if fenced else None
        self._fences: dict[int, Fence] = {}

    async def assigned(self, committed: list[TopicPartition]) -> list[TopicPartition]:
        """Start each partition where it was committed, under the epoch committed beside it."""
        for place in committed:
            self.start_fence(place.topic, place.partition, epoch_in(place))
        return committed

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

    async def take(self, records: Sequence[Message]) -> Confirmation | None:
        """Take one batch: every record has its outcome when what this gives back is done."""
        batch, aside = self._decode(records)
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
                letter = self._dead_letters.set_aside(
                    poison.received.record, poison.code, poison.detail
                )
                aside.append(letter)
                await letter
        self._telemetry.records(self.group, "handled", len(batch))
        if fenced:
            self._telemetry.records(self.group, "fenced", fenced)
        if aside:
            self._telemetry.records(self.group, "dead", len(aside))
        return confirmation

    def _decode(
        self, records: Sequence[Message]
    ) -> tuple[list[Received], list["asyncio.Future[int]"]]:
        batch: list[Received] = []
        aside: list[asyncio.Future[int]] = []
        decode = self._codec.decode
        for record in records:
            try:
                event = decode(record.value())
            except DecodeError as error:
                aside.append(self._dead_letters.set_aside(record, error.code, error.detail))
                continue
            topic, partition, offset = place_of(record)
            if TOPIC_OF[type(event)].name != topic:
                said = f"{type(event).__name__} on {topic}"
                aside.append(self._dead_letters.set_aside(record, "wrong_topic", said))
                continue
            if topic == self._fenced_topic and not self._fences[partition].admits(event, offset):
                continue
            batch.append(Received(event, topic, partition, offset, record.timestamp()[1], record))
        return batch, aside

    async def _handle(self, batch: Sequence[Received]) -> Confirmation | None:
        wait_seconds = _BACK_OFF_SECONDS
        while True:
            try:
                confirmation = await self._handler(batch)
                self.progress.retrying = False
                return confirmation
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
