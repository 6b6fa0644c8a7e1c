"""Records of one consumer group as batches on a Faust channel: consuming, offsets, revoke, stop.

Theory of operation. One thread owns a confluent Consumer. It polls for a first record, takes what
else is there (at most `BATCH_RECORDS`), puts the batch on the channel as one Faust event, and waits
until the agent has finished it; only then are the offsets stored, to be committed in the
background. So batches are strictly one after the other, a revoke (which arrives inside `poll`)
never meets one in flight, and a crash anywhere repeats whole batches and loses none. Beside each
committed offset stands, as commit metadata, the writer epoch that was in force there: a reader that
starts again in the middle of the log knows which records to ignore (`events.fence`).

Why not Faust's own consumer: it acks an event whose agent raised, and costs sixty times the CPU
(ADR 0006).
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from mode import Service

from events.fence import NO_EPOCH
from infra.log_reader import place_of

BATCH_RECORDS = 500
_POLL_SECONDS = 0.5
_REST_SECONDS = 0.002
"""After a batch, so that under load the next one is larger: waking threads is what costs most. The
first record after a pause is not kept waiting."""
_KAFKA_SECONDS = 30.0
_POLL_INTERVAL_MS_MAX = 3_600_000
_IDLE_WAIT_MS = 500
_PATIENT_BYTES = 1_048_576

log = structlog.get_logger()


@dataclass(slots=True)
class Batch:
    """Records in order within each partition, and what is resolved when all are taken."""

    records: Sequence[Message]
    done: "asyncio.Future[None]"


class Assignee(Protocol):
    """What a source tells of its partitions. Both are called on the source's thread."""

    def assigned(self, committed: list[TopicPartition]) -> list[TopicPartition]:
        """Partitions arrived, with committed offset and metadata; where to start each."""

    def revoked(self, partitions: list[TopicPartition]) -> None:
        """Partitions left; no batch of theirs is in flight."""


@dataclass(slots=True)
class Progress:
    """What a watchdog and a health check may know of a source. Seconds are monotonic."""

    partitions: int = 0
    assigned: bool = False
    records: int = 0
    batch_since: float | None = None
    retrying: bool = False
    polled_at: float = field(default_factory=time.monotonic)
    failed: str | None = None


class Source(Service):
    """One consumer group's records, batch by batch, to `take`.

    `epoch_of` gives the metadata to commit beside a partition's offset. With patience the broker
    keeps records for so long to give them together: fewer, larger batches, for roles that nobody
    waits for.
    """

    def __init__(
        self,
        *,
        group: str,
        topics: Sequence[str],
        bootstrap: str,
        take: Callable[[Batch], Awaitable[None]],
        assignee: Assignee,
        epoch_of: Callable[[str, int], int],
        on_failure: Callable[[str], None],
        client_id: str,
        patience_milliseconds: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.group = group
        self.progress = Progress()
        self._topics = list(topics)
        self._take = take
        self._assignee = assignee
        self._epoch_of = epoch_of
        self._on_failure = on_failure
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._config = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "client.id": f"{client_id}-{group}",
            "group.protocol": "consumer",
            "group.remote.assignor": "range",
            "enable.auto.offset.store": False,
            "enable.auto.commit": True,
            "auto.commit.interval.ms": 500,
            "auto.offset.reset": "earliest",
            "max.poll.interval.ms": _POLL_INTERVAL_MS_MAX,
            "fetch.wait.max.ms": patience_milliseconds or _IDLE_WAIT_MS,
            "fetch.min.bytes": _PATIENT_BYTES if patience_milliseconds else 1,
            "queued.min.messages": 5_000,
            "queued.max.messages.kbytes": 32_768,
            "enable.partition.eof": False,
            "socket.nagle.disable": True,
        }

    async def on_start(self) -> None:
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._run, args=(loop,), name=f"source-{self.group}", daemon=True
        )
        self._thread.start()

    async def on_stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, _KAFKA_SECONDS)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            consumer = Consumer(self._config, logger=None)
            try:
                consumer.subscribe(
                    self._topics,
                    on_assign=self._on_assign,
                    on_revoke=self._on_revoke,
                    on_lost=self._on_lost,
                )
                self._consume(consumer, loop)
            finally:
                consumer.close()
        except Exception as error:  # the thread's end would otherwise be silent
            log.exception("source failed", group=self.group)
            self.progress.failed = f"{type(error).__name__}: {error}"
            self._on_failure(self.progress.failed)

    def _consume(self, consumer: Consumer, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stopping.is_set():
            first = consumer.poll(_POLL_SECONDS)
            self.progress.polled_at = time.monotonic()
            if first is None:
                continue
            records = [
                record
                for record in (first, *consumer.consume(BATCH_RECORDS - 1, 0))
                if not self._is_notice(record)
            ]
            if not records:
                continue
            self.progress.batch_since = time.monotonic()
            if not self._hand_over(records, loop):
                return
            self.progress.batch_since = None
            self.progress.records += len(records)
            self._store_offsets(consumer, records)
            time.sleep(_REST_SECONDS)

    def _hand_over(self, records: list[Message], loop: asyncio.AbstractEventLoop) -> bool:
        """Give a batch to the agent and wait; False when the program ended before it was done."""

        async def taken() -> None:
            batch = Batch(records, loop.create_future())
            await self._take(batch)
            await batch.done

        waiting = asyncio.run_coroutine_threadsafe(taken(), loop)
        while True:
            try:
                waiting.result(timeout=_POLL_SECONDS)
                return True
            except TimeoutError:
                if loop.is_closed() or (self._stopping.is_set() and self.progress.retrying):
                    waiting.cancel()
                    return False

    def _store_offsets(self, consumer: Consumer, records: list[Message]) -> None:
        last: dict[tuple[str, int], int] = {}
        for record in records:
            topic, partition, offset = place_of(record)
            last[topic, partition] = offset
        consumer.store_offsets(
            offsets=[
                TopicPartition(
                    topic, partition, offset + 1, metadata=str(self._epoch_of(topic, partition))
                )
                for (topic, partition), offset in last.items()
            ]
        )

    def _is_notice(self, record: Message) -> bool:
        error = record.error()
        if error is None:
            return False
        if error.fatal() or error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise KafkaException(error)
        log.warning("kafka notice", group=self.group, error=str(error))
        return True

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if partitions:
            committed = consumer.committed(partitions, timeout=_KAFKA_SECONDS)
            for place in committed:
                if place.error is not None:
                    raise KafkaException(place.error)
                if place.offset < 0:
                    place.offset = OFFSET_BEGINNING
            consumer.incremental_assign(self._assignee.assigned(committed))
        self.progress.partitions += len(partitions)
        self.progress.assigned = True

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:
                log.warning("commit at revoke failed", group=self.group, error=str(error))
        self._on_lost(consumer, partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_unassign(partitions)
        self._assignee.revoked(partitions)
        self.progress.partitions -= len(partitions)


def epoch_in(place: TopicPartition) -> int:
    """The writer epoch that was committed beside an offset, or none."""
    try:
        return int(place.metadata or NO_EPOCH)
    except ValueError:
        return NO_EPOCH
