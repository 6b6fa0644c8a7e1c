"""Publishes events to Kafka, confirmed or refused in bounded time.

In: an event (or bytes), its topic, and a key or a partition. Out: a future of the record's offset.
It raises `Unavailable` when Kafka did not confirm in time or the queue is full (the record may or
may not have been written: do the same work again), `UnknownTopic` when there is no such topic, and
Kafka's own exception for what trying again does not mend.

Theory of operation. librdkafka sends on threads of its own, idempotent and in order for each
partition. No record lingers to be sent with others: librdkafka asks for each partition by itself,
so waiting half a millisecond gathers next to nothing; under load the five requests that may be
under way gather records by themselves. Delivery reports are taken in one of two ways. By default
one thread waits for them, and all reports of one poll are handed to the event loop by a single
call, and resolve their futures there. Where nobody waits for a confirmation (the edge), the loop
itself looks for reports every few milliseconds while any are due: no thread and no wake-up for each
record, half the CPU. An error after which the producer can no longer keep its promise of order is
fatal: `on_fatal` is called, and is expected to end the process.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from msgspec import Struct

from events.codec import Codec
from events.topics import Topic

QUEUED_RECORDS_MAX = 100_000
QUEUED_KIBIBYTES_MAX = 131_072

_POLL_SECONDS = 0.2
_FLUSH_SECONDS = 10.0
_UNKNOWN = frozenset(
    (
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    )
)
_PASSING = frozenset(
    (
        KafkaError._MSG_TIMED_OUT,
        KafkaError._TIMED_OUT,
        KafkaError._PURGE_QUEUE,
        KafkaError._PURGE_INFLIGHT,
    )
)

Header = tuple[str, str | bytes | None]
Confirmed = Callable[[int | None, Exception | None], None]
"""Called on the loop with the record's offset, or with the error."""

log = structlog.get_logger()


class Unavailable(ConnectionError):
    """Kafka did not confirm the record in time; the same work may be done again."""


class UnknownTopic(LookupError):
    """There is no such topic, or no such partition of it."""


class Publisher:
    """The one producer of a process; made and used on its event loop.

    `message_timeout_seconds` is how long a record is tried before it is refused; 0 never gives up.
    `look_seconds` is how often the loop looks for reports; without it a thread waits for them.
    """

    def __init__(
        self,
        bootstrap: str,
        codec: Codec,
        *,
        message_timeout_seconds: float,
        on_fatal: Callable[[str], None],
        client_id: str = "chatlog",
        linger_milliseconds: float = 0.0,
        look_seconds: float | None = None,
    ) -> None:
        self._codec = codec
        self._on_fatal = on_fatal
        self._outcomes: list[tuple[Confirmed, int | None, KafkaError | None]] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._look_seconds = look_seconds
        self._look_due: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "client.id": client_id,
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "partitioner": "murmur2_random",
                "linger.ms": linger_milliseconds,
                "message.timeout.ms": int(message_timeout_seconds * 1000),
                "queue.buffering.max.messages": QUEUED_RECORDS_MAX,
                "queue.buffering.max.kbytes": QUEUED_KIBIBYTES_MAX,
                "topic.metadata.propagation.max.ms": 3_000,
                "allow.auto.create.topics": False,
                "socket.nagle.disable": True,
                "reconnect.backoff.max.ms": 1_000,
                "error_cb": self._errored,
            },
            logger=logging.getLogger("kafka.producer"),
        )

    async def start(self) -> None:
        """Start taking delivery reports."""
        self._loop = asyncio.get_running_loop()
        if self._look_seconds is None:
            self._thread = threading.Thread(target=self._poll, name="producer", daemon=True)
            self._thread.start()

    async def stop(self, timeout_seconds: float = _FLUSH_SECONDS) -> int:
        """Send what is queued, for a bounded time, and close; how many records remained unsent.

        Those that remained are refused as `Unavailable`.
        """
        if self._look_due is not None:
            self._look_due.cancel()
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        remaining = await asyncio.to_thread(self._close, timeout_seconds)
        self._hand_over()
        await asyncio.sleep(0)
        return remaining

    def publish(
        self,
        topic: Topic | str,
        event: Struct,
        *,
        key: str | None = None,
        partition: int | None = None,
    ) -> "asyncio.Future[int]":
        """Publish an event; the future gives its offset once it is confirmed."""
        return self.publish_bytes(
            topic if isinstance(topic, str) else topic.name,
            self._codec.encode(event),
            key=None if key is None else key.encode(),
            partition=partition,
        )

    def publish_bytes(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        partition: int | None = None,
        headers: list[Header] | None = None,
    ) -> "asyncio.Future[int]":
        """Publish a record as it is; the future gives its offset once it is confirmed."""
        future: asyncio.Future[int] = self._loop.create_future()
        self.send(topic, value, partial(_settle, future), key, partition, headers)
        return future

    def send(
        self,
        topic: str,
        value: bytes | None,
        confirmed: Confirmed,
        key: bytes | None = None,
        partition: int | None = None,
        headers: list[Header] | None = None,
    ) -> None:
        """Publish a record and have its outcome told to a function: the cheapest way.

        The function may be called before this returns, when the queue is full.
        """
        try:
            self._producer.produce(
                topic,
                value,
                key,
                -1 if partition is None else partition,
                partial(self._reported, confirmed),
                headers=headers,
            )
        except BufferError:
            confirmed(None, Unavailable("the queue to Kafka is full"))
        except KafkaException as error:
            confirmed(None, error_of(error.args[0]))
        except RuntimeError as error:
            confirmed(None, Unavailable(str(error)))  # closed: the program is at its end
        else:
            if self._look_due is None and self._look_seconds is not None:
                self._look_due = self._loop.call_later(self._look_seconds, self._look)

    def queued(self) -> int:
        """How many records wait to be sent or confirmed."""
        return len(self._producer)

    def _reported(self, confirmed: Confirmed, error: KafkaError | None, record: Message) -> None:
        self._outcomes.append((confirmed, record.offset(), error))

    def _close(self, timeout_seconds: float) -> int:
        remaining = int(self._producer.flush(timeout_seconds))
        if remaining:
            self._producer.purge()
        self._producer.close()
        return remaining

    def _look(self) -> None:
        assert self._look_seconds is not None
        self._producer.poll(0)
        outcomes, self._outcomes = self._outcomes, []
        self._look_due = None
        _tell(outcomes)
        if self._look_due is None and len(self._producer):
            self._look_due = self._loop.call_later(self._look_seconds, self._look)

    def _poll(self) -> None:
        poll = self._producer.poll
        while not self._stopping.is_set():
            poll(_POLL_SECONDS)
            if self._outcomes:
                self._hand_over()
        poll(0)

    def _hand_over(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        try:
            self._loop.call_soon_threadsafe(_tell, outcomes)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def _errored(self, error: KafkaError) -> None:
        if error.fatal():
            self._loop.call_soon_threadsafe(self._on_fatal, f"producer: {error}")


def error_of(error: KafkaError) -> Exception:
    """The exception for an error of Kafka."""
    if error.code() in _UNKNOWN:
        return UnknownTopic(str(error))
    if error.code() in _PASSING or (error.retriable() and not error.fatal()):
        return Unavailable(str(error))
    return KafkaException(error)


def _tell(outcomes: list[tuple[Confirmed, int | None, KafkaError | None]]) -> None:
    for confirmed, offset, error in outcomes:
        try:
            if error is None:
                confirmed(offset, None)
            else:
                confirmed(None, error_of(error))
        except Exception:  # a fault of one must not keep the outcome from the others
            log.exception("outcome not taken")


def _settle(future: "asyncio.Future[int]", offset: int | None, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        assert offset is not None
        future.set_result(offset)
