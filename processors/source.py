"""Records of one consumer group as batches on a Faust channel: consuming, offsets, revoke, stop.

Theory of operation. A confluent Consumer is looked at from the event loop at the ticks of the
process's `Ticker`. What is there (at most `BATCH_RECORDS`) goes on the channel as one Faust event,
and the consumer is not looked at again until the agent has handled it. Batches are handled strictly
one after the other; some may wait for their confirmation while the next is handled. Offsets are
stored in order, when a batch is confirmed, and committed in the background. So a crash anywhere
repeats whole batches and loses none, and a revoke (which arrives inside `poll` or `consume`) leaves
what is unconfirmed to the next owner, who repeats it (`processors.partitions`): records that were
just polled among them, since no state is kept here for them any more. Beside each committed
offset stands, as commit metadata, a mark (`events.marks`): the writer epoch that was in force
there, so that a reader that starts again in the middle of the log knows which records to ignore,
and by what to see whether the log still holds what was read.

Why not Faust's own consumer: it acks an event whose agent raised, and costs sixty times the CPU
(ADR 0006).
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from mode import Service

from infra.log_check import LogLost
from infra.log_reader import Place, place_of
from infra.reading import NewerRelease
from infra.settings import KafkaSettings
from infra.ticker import Ticker
from processors.partitions import Assignee, Partitions, said
from processors.progress import Progress
from processors.received import Confirmation

BATCH_RECORDS = 500
_PATIENT_LOOK_SECONDS = 0.05
_STOP_LOOK_SECONDS = 0.05
_KAFKA_SECONDS = 30.0
_LEAVE_SECONDS = 10.0
_POLL_INTERVAL_MS_MAX = 3_600_000
_IDLE_WAIT_MS = 500
_PATIENT_BYTES = 1_048_576
_UNCONFIRMED_MAX = 8

log = structlog.get_logger()


@dataclass(slots=True)
class Batch:
    """Records in order within each partition; `handled` gives what is still to be confirmed."""

    records: Sequence[Message]
    handled: "asyncio.Future[Confirmation | None]"


class _Handled(NamedTuple):
    """A batch whose records are handled, and where reading goes on when that is confirmed."""

    confirmation: Confirmation | None
    reached: list[TopicPartition]
    records: int
    arrival: int
    began: float


class PositionGone(Exception):
    """The log does not hold the offset that was to be read next."""


def _consumer(config: dict[str, Any]) -> Consumer:
    return Consumer(config, logger=None)


class Source(Service):
    """One consumer group's records, batch by batch, to `take`.

    `mark_behind` gives what to commit beside the offset behind a record; `progress` is kept up to
    date, and says in turn whether what takes the batches is trying again. With patience the broker
    keeps records for so long to give them together: fewer, larger batches, for roles that nobody
    waits for. `consumer_of` makes the consumer from its configuration.
    """

    def __init__(
        self,
        *,
        group: str,
        topics: Sequence[str],
        kafka: KafkaSettings,
        take: Callable[[Batch], Awaitable[None]],
        assignee: Assignee,
        mark_behind: Callable[[Message], str],
        progress: Progress,
        on_failure: Callable[[str], None],
        client_id: str,
        ticker: Ticker,
        patience_milliseconds: int = 0,
        consumer_of: Callable[[dict[str, Any]], Consumer] = _consumer,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.group = group
        self.progress = progress
        self._topics = topics
        self._take = take
        self._mark_behind = mark_behind
        self._assignee = assignee
        self._on_failure = on_failure
        self._ticker = ticker
        self._look_every_seconds = _PATIENT_LOOK_SECONDS if patience_milliseconds else 0.0
        self._consumer_of = consumer_of
        self._consumer: Consumer
        self._in_hand: asyncio.Task[None] | None = None
        self._unconfirmed: deque[_Handled] = deque()
        self._confirming: asyncio.Task[None] | None = None
        self._left = False
        self._is_closed = False
        self._partitions = Partitions(group, assignee, self.progress, self._fail)
        self._config = {
            **kafka.connection(),
            "group.id": group,
            "client.id": f"{client_id}-{group}",
            "group.protocol": "consumer",
            "group.remote.assignor": "range",
            "enable.auto.offset.store": False,
            "enable.auto.commit": True,
            "auto.commit.interval.ms": 500,
            "auto.offset.reset": "error",
            "max.poll.interval.ms": _POLL_INTERVAL_MS_MAX,
            "fetch.wait.max.ms": patience_milliseconds or _IDLE_WAIT_MS,
            "fetch.min.bytes": _PATIENT_BYTES if patience_milliseconds else 1,
            "queued.min.messages": 5_000,
            "queued.max.messages.kbytes": 32_768,
            "enable.partition.eof": False,
            "socket.nagle.disable": True,
            "reconnect.backoff.max.ms": 1_000,
        }

    async def on_start(self) -> None:
        self._consumer = self._consumer_of(self._config)
        self._partitions.subscribe(self._consumer, self._topics)
        self._ticker.add(self._look)

    async def on_stop(self) -> None:
        self._ticker.remove(self._look)
        give_up_at = time.monotonic() + _KAFKA_SECONDS
        while (self._in_hand or self._unconfirmed) and not self.progress.retrying:
            if time.monotonic() > give_up_at:
                break
            await asyncio.sleep(_STOP_LOOK_SECONDS)
        self._partitions.cancel()
        for task in (self._in_hand, self._confirming):
            if task is not None:
                task.cancel()
        if self.progress.stopped is not None:
            return  # it has left the group
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KAFKA_SECONDS):
                await asyncio.to_thread(self._consumer.close)

    def leave(self) -> None:
        """Leave the group at once, for a process that is about to end; from any thread.

        What is stored is committed, and that is what was confirmed.
        """
        if not self._left:
            self._left = True
            self._consumer.close()

    def _look(self) -> bool:
        """Start a batch if there are records and none is in hand; whether this source is busy."""
        if self._left:
            return False
        if self._in_hand is not None or len(self._unconfirmed) >= _UNCONFIRMED_MAX:
            return not self.progress.retrying
        now = time.monotonic()
        if self._partitions.is_beginning:  # may take minutes, and has time limits of its own
            self.progress.polled_at = now
            return True
        if now - self.progress.polled_at < self._look_every_seconds:
            return False
        self.progress.polled_at = now
        before = self._partitions.arrival
        try:
            first = self._consumer.poll(0)
            found = [] if first is None else [first, *self._consumer.consume(BATCH_RECORDS - 1, 0)]
            records = [record for record in found if not self._is_notice(record)]
            # Partitions may leave inside either call, also those of records that it gives or that
            # the other gave: such records belong to the next owner.
            records = self._partitions.still_here(records, before)
        except Exception as error:
            self._fail(error)
            return False
        self._partitions.begin_arrived()
        if records:
            if self.progress.batch_since is None:
                self.progress.batch_since = now
            self._in_hand = asyncio.create_task(self._hand_over(records, before))
        return bool(found) or self._partitions.is_beginning

    async def _hand_over(self, records: list[Message], arrival: int) -> None:
        """Give a batch to the agent; when it is handled, the next may begin."""
        began = time.monotonic()
        try:
            batch = Batch(records, asyncio.get_running_loop().create_future())
            await self._take(batch)
            confirmation = await batch.handled
            handled = _Handled(confirmation, self._reached(records), len(records), arrival, began)
            self._in_hand = None
            if confirmation is None and not self._unconfirmed:
                self._acknowledge(handled)
                return
            self._unconfirmed.append(handled)
            if self._confirming is None or self._confirming.done():
                self._confirming = asyncio.create_task(self._confirm())
        except Exception as error:
            self._fail(error)

    async def _confirm(self) -> None:
        """Acknowledge what was handled, in its order, as it is confirmed."""
        try:
            while self._unconfirmed:
                first = self._unconfirmed[0]
                if first.confirmation is not None:
                    await first.confirmation
                self._unconfirmed.popleft()
                self._acknowledge(first)
        except Exception as error:
            self._fail(error)

    def _acknowledge(self, handled: "_Handled") -> None:
        if self._is_closed:
            return
        stayed = self._partitions.stayed(handled.reached, handled.arrival)
        if stayed:
            self._consumer.store_offsets(offsets=[*map(self._assignee.committing, stayed)])
        self.progress.records += handled.records
        if self._unconfirmed:
            self.progress.batch_since = self._unconfirmed[0].began
        else:
            self.progress.batch_since = None if self._in_hand is None else time.monotonic()

    def _fail(self, error: Exception) -> None:
        if isinstance(error, NewerRelease | LogLost):
            self._step_back(error)
            return
        log.error("source failed", group=self.group, exc_info=error)
        self.progress.failed = said(error)
        self._on_failure(self.progress.failed)

    def _step_back(self, error: NewerRelease | LogLost) -> None:
        """Leave the group for whoever has the newer release; the process goes on without the role.

        It does not end: started again it would take partitions from those who can go on with them,
        or find once more that the log is lost.
        """
        if self._left:
            return
        self._left = True
        log.error("role stopped", group=self.group, reason=str(error))
        self.progress.stopped = str(error)
        self.progress.batch_since = None
        self.progress.retrying = False
        self._in_hand = asyncio.create_task(self._leave_in_order(self._in_hand))

    async def _leave_in_order(self, in_hand: "asyncio.Task[None] | None") -> None:
        """What is being handled is confirmed first, in bounded time, so that it is not done again.

        A batch that waits for a store is left to whoever gets its partition.
        """
        for going_on in (in_hand, self._confirming):
            if going_on is not None:
                await asyncio.wait((going_on,), timeout=_LEAVE_SECONDS)
        self._is_closed = True
        await asyncio.to_thread(self._consumer.close)
        self._in_hand = None

    def _reached(self, records: list[Message]) -> list[TopicPartition]:
        """Where reading goes on behind a batch, with a mark of what is there now."""
        last: dict[Place, Message] = {}
        for record in records:
            topic, partition, _ = place_of(record)
            last[topic, partition] = record
        return [
            TopicPartition(*place, place_of(record)[2] + 1, metadata=self._mark_behind(record))
            for place, record in last.items()
        ]

    def _is_notice(self, record: Message) -> bool:
        error = record.error()
        if error is None:
            return False
        if error.fatal() or error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise KafkaException(error)
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            # Retention took what was not read yet, or the end of the log is lost. Whoever takes the
            # partition next compares its position with the log, and knows.
            raise PositionGone(f"{record.topic()}/{record.partition()}: {error.str()}")
        log.warning("kafka notice", group=self.group, error=str(error))
        return True
