"""Brings this gateway's delivery topic to its sockets.

In: `chat.deliveries.<gateway>`, from the end that it had at the start. Out: frames on sockets, in
the order of the topic; how far submissions are answered, to the backlog; a word to sessions that
are registered, or were replaced; a call to announce all sessions again. Records for another epoch
of the gateway are dropped and counted. Frames are bytes: nothing here looks into one (D15).

Theory of operation. The consumer is looked at from the event loop, at the ticks of the process's
`Ticker`, and what is there is delivered at once. There is no consumer group: the partition is
assigned by hand, from an offset that was read before the gateway announced itself, so nothing
routed to this epoch is missed (D6).
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from msgspec import Struct

from edge.backlog import Backlog
from edge.connections import Connections
from edge.wire import text_frame
from events.codec import BeyondRelease, Codec, DecodeError, UnknownSchema
from events.deliveries import (
    AnnouncementRequested,
    FramesRouted,
    SessionReplaced,
    SessionsRegistered,
)
from events.topics import delivery_topic
from infra.settings import KafkaSettings
from infra.telemetry import EDGE_DELIVERIES, Telemetry
from infra.ticker import Ticker

BATCH_RECORDS = 500
_KAFKA_SECONDS = 10.0
_STOP_SECONDS = 5.0

log = structlog.get_logger()


def _consumer(config: dict[str, Any]) -> Consumer:
    return Consumer(config, logger=logging.getLogger("kafka.deliveries"))


class Deliveries:
    """The reader of one gateway's delivery topic; made and used on the event loop.

    `consumer_of` makes the consumer from its configuration.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        gateway_id: str,
        gateway_epoch: str,
        *,
        codec: Codec,
        connections: Connections,
        backlog: Backlog,
        telemetry: Telemetry,
        announce: Callable[[], None],
        on_fatal: Callable[[str], None],
        ticker: Ticker,
        clock: Callable[[], float],
        consumer_of: Callable[[dict[str, Any]], Consumer] = _consumer,
    ) -> None:
        self.polled_at = time.monotonic()
        """When the topic was last asked for records, on the monotonic clock."""
        self._place = TopicPartition(delivery_topic(gateway_id), 0)
        self._epoch = gateway_epoch
        self._codec = codec
        self._connections = connections
        self._backlog = backlog
        self._telemetry = telemetry
        self._announce = announce
        self._on_fatal = on_fatal
        self._ticker = ticker
        self._clock = clock
        self._finding_end: asyncio.Task[None] | None = None
        self._consumer = consumer_of(
            {
                **kafka.connection(),
                "client.id": f"edge-{gateway_id}",
                "group.id": f"edge-{gateway_id}",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "allow.auto.create.topics": False,
                "fetch.wait.max.ms": 500,
                "fetch.min.bytes": 1,
                "fetch.queue.backoff.ms": 50,
                "fetch.error.backoff.ms": 100,
                "queued.max.messages.kbytes": 16_384,
                "reconnect.backoff.max.ms": 1_000,
                "socket.nagle.disable": True,
            }
        )

    async def start(self) -> None:
        """Read from the end of the topic on; returns when that place is fixed."""
        await asyncio.to_thread(self._assign_end)
        self._ticker.add(self._look)

    async def stop(self) -> None:
        """Stop reading."""
        self._ticker.remove(self._look)
        if self._finding_end is not None:
            self._finding_end.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await asyncio.to_thread(self._consumer.close)

    def _assign_end(self) -> None:
        give_up_at = time.monotonic() + _KAFKA_SECONDS
        while True:
            try:
                _, end = self._consumer.get_watermark_offsets(self._place, timeout=_KAFKA_SECONDS)
                break
            except KafkaException:
                if time.monotonic() >= give_up_at:
                    raise
                time.sleep(0.05)  # a topic made just now is not known everywhere at once
        self._place.offset = end
        self._consumer.assign([self._place])

    def _look(self) -> bool:
        """Deliver what is there; whether more is expected soon."""
        if self._finding_end is not None:
            return False
        self.polled_at = time.monotonic()
        try:
            first = self._consumer.poll(0)
            if first is None:
                return False
            for record in (first, *self._consumer.consume(BATCH_RECORDS - 1, 0)):
                if not self._is_notice(record):
                    self._deliver(record.value())
        except Exception as error:
            self._fail(error)
        return True

    def _is_notice(self, record: Message) -> bool:
        error = record.error()
        if error is None:
            return False
        if error.fatal():
            raise KafkaException(error)
        if error.code() == KafkaError._AUTO_OFFSET_RESET and self._finding_end is None:
            self._finding_end = asyncio.create_task(self._find_end())
        log.warning("kafka notice", error=str(error))
        return True

    async def _find_end(self) -> None:
        """Records were removed unread: sessions announced again learn their heads, and fetch."""
        try:
            await asyncio.to_thread(self._assign_end)
        except Exception as error:
            self._fail(error)
        else:
            self._count("lost")
            self._announce()
        self._finding_end = None

    def _fail(self, error: Exception) -> None:
        log.error("deliveries failed", exc_info=error)
        self._on_fatal(f"deliveries: {error}")

    def _deliver(self, value: bytes | None) -> None:
        try:
            event = self._event(value)
        except DecodeError as error:
            log.error("delivery not understood", code=error.code, detail=error.detail)
            self._count("not_understood")
            return
        if getattr(event, "gateway_epoch", None) != self._epoch:
            self._count("other_epoch")
            return
        self._count("taken")
        match event:
            case FramesRouted():
                of_session = self._connections.of_session
                for routed in event.frames:
                    frame = text_frame(routed.frame)
                    for session_id in routed.session_ids:
                        socket = of_session(session_id)
                        if socket is not None:
                            socket.registered()
                            socket.send(frame)
                for place in event.answered:
                    self._backlog.answered(place.partition, place.submission_offset, self._clock())
            case SessionsRegistered():
                for session_id in event.session_ids:
                    socket = self._connections.of_session(session_id)
                    if socket is not None:
                        socket.registered()
            case SessionReplaced():
                socket = self._connections.of_session(event.session_id)
                if socket is not None:
                    socket.replaced()
            case AnnouncementRequested():
                self._announce()

    def _event(self, value: bytes | None) -> Struct:
        """The event; one of a newer release ends the gateway, since to skip it would be a hole.

        Sockets go to other gateways, and this one begins anew behind that record.
        """
        try:
            return self._codec.decode(value)
        except UnknownSchema:
            self._codec.read_file_again()  # schemas may have been applied since the start
        try:
            return self._codec.decode(value)
        except (UnknownSchema, BeyondRelease) as error:
            raise RuntimeError(
                f"{self._place.topic} holds an event of a newer release ({error}): "
                "deploy that release here too (docs/deploying.md)"
            ) from error

    def _count(self, outcome: str) -> None:
        self._telemetry.count(EDGE_DELIVERIES, 1, outcome)
