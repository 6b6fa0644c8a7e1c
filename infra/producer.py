"""Publishes events to Kafka, confirmed or refused in bounded time.

In: an event (or bytes), its topic, and a key or a partition. Out: a future of the record's offset.
It raises `Unavailable` when Kafka did not confirm in time or the queue is full (the record may or
may not have been written: do the same work again), `UnknownTopic` when there is no such topic, and
Kafka's own exception for what trying again does not mend.

Theory of operation. librdkafka sends on threads of its own, idempotent and in order for each
partition. No record lingers to be sent with others: librdkafka asks for each partition by itself,
so waiting half a millisecond gathers next to nothing; under load the five requests that may be
under way gather records by themselves. Delivery reports are taken on the event loop, at the ticks
of a `Ticker`, which a process shares between all its Kafka clients. An error after which the
producer can no longer keep its promise of order is fatal: `on_fatal` is called, and is expected to
end the process.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from msgspec import Struct

from events.codec import Codec
from events.topics import Topic
from infra.settings import KafkaSettings
from infra.ticker import Ticker

QUEUED_RECORDS_MAX = 100_000
QUEUED_KIBIBYTES_MAX = 131_072

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
    Reports are taken at the ticks of `ticker`, or at its own where none is given.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        codec: Codec,
        *,
        message_timeout_seconds: float,
        on_fatal: Callable[[str], None],
        client_id: str = "chatlog",
        linger_milliseconds: float = 0.0,
        ticker: Ticker | None = None,
    ) -> None:
        self._codec = codec
        self._on_fatal = on_fatal
        self._outcomes: list[tuple[Confirmed, int | None, KafkaError | None]] = []
        self._ticker = ticker
        self._wake: Callable[[], None] = _nobody
        self._loop: asyncio.AbstractEventLoop
        self._producer = Producer(
            {
                **kafka.connection(),
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
        if self._ticker is None:
            self._ticker = Ticker(self._loop)
        self._wake = self._ticker.wake
        self._ticker.add(self._look)

    async def stop(self, timeout_seconds: float = _FLUSH_SECONDS) -> int:
        """Send what is queued, for a bounded time, and close; how many records remained unsent.

        Those that remained are refused as `Unavailable`.
        """
        if self._ticker is not None:
            self._ticker.remove(self._look)
        remaining = await asyncio.to_thread(self._close, timeout_seconds)
        self._tell()
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
            self._wake()

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

    def _look(self) -> bool:
        self._producer.poll(0)
        if self._outcomes:
            self._tell()
        return len(self._producer) > 0

    def _tell(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        for confirmed, offset, error in outcomes:
            try:
                if error is None:
                    confirmed(offset, None)
                else:
                    confirmed(None, error_of(error))
            except Exception:  # a fault of one must not keep the outcome from the others
                log.exception("outcome not taken")

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


def _nobody() -> None:
    """Before the start nobody looks."""


def _settle(future: "asyncio.Future[int]", offset: int | None, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        assert offset is not None
        future.set_result(offset)
